//go:build unix && !linux

package main

import (
	"errors"
)

var runCommand = command{
	name:    "run",
	args:    "[--] COMMAND [ARG]...",
	summary: "start the application, and record what it says and does",
	about:   "Needs Linux.\n",
	exits:   "1.",
	run:     func(*invocation) error { return errors.New("run: needs Linux") },
}

const commandToStart = "run-command"

func runChild([]string) error { return errors.New(commandToStart + ": needs Linux") }
