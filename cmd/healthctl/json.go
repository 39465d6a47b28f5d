//go:build unix

package main

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"

	"github.com/healthprobe/healthprobe/internal/text"
)

// member is a name of a JSON object and its value, as JSON.
type member struct{ name, value string }

// json returns the report as one JSON object. It is written out here because
// encoding/json would make healthctl a quarter larger, for one object whose form
// is fixed. Names and meanings stay as they are.
func (s *statusReport) json() string {
	var units []string
	for _, u := range s.units {
		units = append(units, jsonObject("    ", []member{
			{"unit", jsonString(u.unit)},
			{"healthy", strconv.FormatBool(u.healthy)},
			{"cause", jsonOrNull(u.cause, jsonString)},
			{"pid", jsonOrNull(u.pid, jsonNumber)},
			{"identity", jsonOrNull(u.identity, jsonString)},
			{"code", jsonOrNull(u.code, jsonNumber)},
			{"reason", jsonString(u.reason)},
			{"age", jsonOrNull(u.age, func(seconds float64) string { return strconv.FormatFloat(seconds, 'f', -1, 64) })},
			{"message", jsonString(u.message)},
		}))
	}
	list := "[]"
	if len(units) > 0 {
		list = "[\n    " + strings.Join(units, ",\n    ") + "\n  ]"
	}
	return jsonObject("", []member{
		{"rundir", jsonString(s.runDir)},
		{"healthy", strconv.FormatBool(s.healthy)},
		{"units", list},
	}) + "\n"
}

func jsonObject(indent string, members []member) string {
	var lines []string
	for _, m := range members {
		lines = append(lines, indent+"  "+jsonString(m.name)+": "+m.value)
	}
	return "{\n" + strings.Join(lines, ",\n") + "\n" + indent + "}"
}

// jsonString returns s as a JSON string. What is not printable is escaped, which
// leaves the value as it is, because a terminal may show the JSON as well. What
// is not UTF-8 becomes U+FFFD.
func jsonString(s string) string {
	var out strings.Builder
	out.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			out.WriteByte('\\')
			out.WriteRune(r)
		case text.Printable(r):
			out.WriteRune(r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&out, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&out, `\u%04x`, r)
		}
	}
	out.WriteByte('"')
	return out.String()
}

func jsonNumber(n int32) string { return strconv.Itoa(int(n)) }

func jsonOrNull[T any](v *T, format func(T) string) string {
	if v == nil {
		return "null"
	}
	return format(*v)
}
