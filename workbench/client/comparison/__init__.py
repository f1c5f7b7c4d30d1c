"""Videos side by side: the data of the compare page, of notebooks, of reports and of exports."""
