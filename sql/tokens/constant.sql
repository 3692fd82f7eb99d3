-- Whether the type of a column takes a constant of the adapter, and takes all of it.
select {{ constant }}::text = {{ uncut }}::text as fits
