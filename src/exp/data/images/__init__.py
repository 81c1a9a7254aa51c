"""Pictures in files: found, checked, decoded and cached; what any folder-per-class data set is made of."""
