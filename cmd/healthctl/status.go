package main

func status(args []string) int  { return 0 }
func install(args []string) int { return 0 }
