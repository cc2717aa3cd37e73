"""The check of contributed recipes: by the rules for strangers, in processes of their own, told in one report."""
