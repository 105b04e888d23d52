"""Tables of the words behind Hungarian signs, units and letters."""


# fmt: off

MONTHS = (
    "január", "február", "március", "április", "május", "június",
    "július", "augusztus", "szeptember", "október", "november", "december",
)

# Units are read after a number; those of two characters and more (but mp, min) also alone.
UNITS = {
    "%": "százalék", "‰": "ezrelék", "°C": "Celsius-fok", "°F": "Fahrenheit-fok", "°": "fok",
    "C°": "Celsius-fok", "kWh": "kilowattóra", "MWh": "megawattóra",
    "km²": "négyzetkilométer", "m²": "négyzetméter", "cm²": "négyzetcentiméter",
    "nm": "négyzetméter", "km³": "köbkilométer", "m³": "köbméter", "cm³": "köbcentiméter",
    "dm³": "köbdeciméter", "km": "kilométer", "m": "méter", "dm": "deciméter",
    "cm": "centiméter", "mm": "milliméter", "kg": "kilogramm", "dkg": "dekagramm",
    "dag": "dekagramm", "g": "gramm", "mg": "milligramm", "t": "tonna", "hl": "hektoliter",
    "l": "liter", "dl": "deciliter", "cl": "centiliter", "ml": "milliliter", "ha": "hektár",
    "h": "óra", "min": "perc", "mp": "másodperc", "ms": "ezredmásodperc", "db": "darab",
    "Hz": "hertz", "kHz": "kilohertz", "MHz": "megahertz", "GHz": "gigahertz", "W": "watt",
    "kW": "kilowatt", "MW": "megawatt", "GW": "gigawatt", "V": "volt", "kV": "kilovolt",
    "mA": "milliamper", "kJ": "kilojoule", "kcal": "kilokalória", "Pa": "pascal",
    "hPa": "hektopascal", "dB": "decibel", "LE": "lóerő", "kB": "kilobájt", "KB": "kilobájt",
    "MB": "megabájt", "GB": "gigabájt", "TB": "terabájt", "Mbit": "megabit",
    "Ft": "forint", "ft": "forint", "HUF": "forint", "€": "euró", "EUR": "euró", "$": "dollár",
    "USD": "dollár", "£": "font", "GBP": "font", "¥": "jen", "CHF": "svájci frank",
    "RON": "lej", "PLN": "zloty", "CZK": "cseh korona",
}
UNITS_ALONE = (
    "%", "‰", "°C", "kWh", "km²", "m²", "m³", "km", "cm", "mm", "kg", "dkg", "dl",
    "Ft", "HUF", "€", "EUR", "$", "USD", "£", "GB", "MB", "db",
)
# Short numerals and -s adjectives of these simple nouns are one word: "tízszázalékos" (AkH. 119).
SIMPLE_UNITS = frozenset(
    {"százalék", "forint", "méter", "liter", "gramm", "tonna", "dollár", "euró"}
)
CENTS = {"€": "cent", "EUR": "cent", "$": "cent", "USD": "cent"}

# Abbreviated scales, known as such only before money or right after the figures.
SCALES = {
    "M": "millió", "m": "millió", "E": "ezer", "e": "ezer",
    "Mrd": "milliárd", "mrd": "milliárd", "Md": "milliárd", "md": "milliárd",
}

SIGNS = {
    "%": "százalék", "‰": "ezrelék", "&": "és", "@": "kukac", "§": "paragrafus", "€": "euró",
    "$": "dollár", "£": "font", "¥": "jen", "+": "plusz", "=": "egyenlő", "×": "szor",
    "÷": "osztva", "±": "plusz-mínusz", "≈": "körülbelül", "≠": "nem egyenlő", "≤": "legfeljebb",
    "≥": "legalább", "°": "fok", "√": "gyök", "∞": "végtelen", "#": "kettőskereszt",
    "/": "per", "−": "mínusz", "²": "négyzet", "³": "köb",
}

# Names of the letters as quiz hosts, schools and acronyms say them: A and E are long in speech
# ("emtéá", "á válasz"), though the alphabet recites them short.
LETTERS = {
    "A": "á", "Á": "á", "B": "bé", "C": "cé", "D": "dé", "E": "é", "É": "é", "F": "ef",
    "G": "gé", "H": "há", "I": "í", "Í": "í", "J": "jé", "K": "ká", "L": "el", "M": "em",
    "N": "en", "O": "ó", "Ó": "ó", "Ö": "ö", "Ő": "ő", "P": "pé", "Q": "kú", "R": "er",
    "S": "es", "T": "té", "U": "ú", "Ú": "ú", "Ü": "ü", "Ű": "ű", "V": "vé", "W": "dupla vé",
    "X": "iksz", "Y": "ipszilon", "Z": "zé",
}
# In acronyms: digraphs are one letter, U is short, W is said as V.
ACRONYM_LETTERS = LETTERS | {
    "SZ": "esz", "GY": "gyé", "NY": "eny", "CS": "csé", "ZS": "zsé", "TY": "tyé",
    "U": "u", "W": "vé", "Y": "ipszilon",
}

# Acronyms that are not read by the rule (letter by letter where they cannot be pronounced).
ACRONYMS = {
    "EU": "eu", "USA": "uesá", "UV": "uvé", "IT": "ájtí", "AI": "éjáj", "EB": "ébé",
    "EP": "épé", "EEG": "éégé", "OK": "oké", "FBI": "efbíáj", "CIA": "szíájéj",
    "CNN": "szíenen", "NBA": "enbíéj", "PR": "píár", "UFO": "ufó", "NATO": "nátó",
    "CO": "cé ó", "NASA": "nasza", "UNESCO": "uneszkó", "UNICEF": "uniszef",
    "AIDS": "édsz", "SIM": "szim",
    "COVID": "kovid", "SZTE": "esztéé", "UTE": "utéé", "OSZK": "óeszká",
    "SUV": "esuvé", "UEFA": "uefa", "FIFA": "fifa", "ENSZ": "ensz", "MÁV": "máv", "NAV": "nav",
    "ELTE": "elte", "VIP": "vip", "PIN": "pin", "LED": "led", "ÁFA": "áfa", "KRESZ": "kresz",
    "BUÉK": "búék", "MALÉV": "malév", "TAJ": "taj", "OTDK": "ótédéká", "AB": "ábé",
    "URL": "uerel", "HÉV": "hév", "MOL": "mol", "NER": "ner", "GYES": "gyes", "GYED": "gyed",
}
# Written with small letters, or both; read as the capitals are.
SMALL_ACRONYMS = {
    "tv": "tévé", "vb": "vébé", "cd": "cédé", "dvd": "dévédé", "wc": "vécé",
    "pc": "pécé", "sms": "esemes", "dj": "dídzséj", "tb": "tébé", "gps": "gépées",
    "kft": "káefté", "bt": "bété", "zrt": "zéerté", "nyrt": "enyerté",
    "phd": "péhádé", "gmbh": "géembéhá", "szja": "eszjéá",
    "www": "vévévé", "usb": "uesbé", "mms": "ememes", "url": "uerel", "pdf": "pédéef",
    "html": "hátéemel", "sql": "eskúel", "php": "péhápé", "css": "céeses", "xml": "ikszemel",
    "cpu": "cépéu", "gpu": "gépéu", "jpg": "jépégé", "vpn": "vépéen",
}

# Consonant clusters of Hungarian words; a capital word with others is read letter by letter.
ONSETS = frozenset(
    "bl br cv dr fl fr gl gr kl kr kv pl pr ps psz sk sl sm sn sp spr st str sv szf szk szl szm szn"
    " szp szt sztr szv tr tv zr zs".split()
)
CODAS = frozenset(
    "ft hl jc jd jk jl jn jsz jt jz kt ksz lc ld lf lg lk lm ln lp ls lsz lt lv mb mp nc ncs nd ng"
    " nk ns nsz nt ny nz ps pt rb rc rcs rd rf rg rgy rj rk rl rm rn rny rp rs rsz rt rv rz sk st"
    " szt tsz zd zt".split()
)
