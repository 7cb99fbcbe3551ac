-- ARGV[6]: its id.
return { 0, tale(ARGV[6]) }
