"""Reading a case back: the page of its files, and the whole conversation for printing. Only the URLs import it."""
