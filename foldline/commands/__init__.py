"""The subcommands of `foldline`: each parses, makes one library call and prints."""
