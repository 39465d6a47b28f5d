//go:build unix

package main

import (
	"fmt"
	"strings"
)

const documentation = "Documentation: https://github.com/healthprobe/healthprobe\n"

func printUsage() {
	fmt.Print("Usage: healthctl COMMAND [flags] [arguments]\n\n" +
		"Records an application's health, for healthprobe to read.\n\n")
	for _, c := range commands {
		fmt.Printf("  %-8s %s\n", c.name, c.summary)
	}
	fmt.Print("\nhealthctl COMMAND -h explains a command. All but install and version take\n")
	sharedFlags().printFlags()
	fmt.Print(`
Exit status: 0 done, 1 failed or refused, 2 wrong usage.

Example, a shell entrypoint:
  set -e
  healthctl load -pid $$
  healthctl set 0
  exec /server

` + documentation)
}

func (i *invocation) printHelp() {
	c := i.command
	fmt.Print("Usage: ", i.name())
	if len(i.help) > 0 {
		fmt.Print(" [flags]")
	}
	if c.args != "" {
		fmt.Print(" ", c.args)
	}
	fmt.Print("\n\n", c.about, "\n")
	if i.printFlags(); len(i.help) > 0 {
		fmt.Println()
	}
	fmt.Printf("Exit status: %s\n\n", c.exits)
	if c.example != "" {
		fmt.Print(c.example, "\n")
	}
	fmt.Print(documentation)
}

func (i *invocation) printFlags() {
	width := 0
	for _, h := range i.help {
		width = max(width, len(h.synopsis))
	}
	for _, h := range i.help {
		indent := "\n" + strings.Repeat(" ", 2+width+2)
		fmt.Printf("  %-*s  %s\n", width, h.synopsis, strings.ReplaceAll(h.meaning, "\n", indent))
	}
}
