"""Does each measure put a better recording before a worse one, where the order is known?"""
