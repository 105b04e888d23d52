"""A prepared data set on disk in, the page that says what is in it and what it lacks out."""
