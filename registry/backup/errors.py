"""Why there is no backup, or no way back from one; the text is a sentence for whoever ran the command."""


class Refusal(Exception):
    """Nothing was begun: the file or the database is not what it has to be."""


class Damaged(Exception):
    """The file is not as it was written, or what came out of the database is not what went in."""
