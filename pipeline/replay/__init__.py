"""One trial of a search, trained again from what the journal says: the same, or another outcome?

It knows everything that a search is made of, and writes nothing into the folder of the search
that it reads. A fork is a search of its own.
"""
