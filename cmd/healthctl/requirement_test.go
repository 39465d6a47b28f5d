//go:build linux

package main

import (
	"encoding/json"
	"reflect"
	"slices"
	"testing"
)

func TestParseRequirement(t *testing.T) {
	for given, want := range map[string]requirement{
		"notify":                          {notify: true},
		"listen:1":                        {port: 1},
		"listen:65535":                    {port: 65535},
		"/check":                          {check: []string{"/check"}},
		"/a check":                        {check: []string{"/a check"}},
		`["redis-cli", "-e", "ping"]`:     {check: []string{"redis-cli", "-e", "ping"}},
		` [ "/a" ,"" ] `:                  {check: []string{"/a", ""}},
		`["\"\\\/\b\f\n\r\t", "\u0041é"]`: {check: []string{"\"\\/\b\f\n\r\t", "Aé"}},
		`["\ud83d\ude00"]`:                {check: []string{"\U0001f600"}},
	} {
		if r, err := parseRequirement(given); err != nil || !reflect.DeepEqual(r, want) {
			t.Errorf("%s: %+v, %v", given, r, err)
		}
	}
	for _, given := range []string{
		"", "notify:x", "listen", "listen:", "listen:0", "listen:65536", "listen:+1", "listen:http", "listen:-1", "check", "./check", "[]", `[""]`,
		`["a"`, `["a",]`, `["a" "b"]`, `[a]`, `["a"]x`, `["a\x"]`, `["\u12"]`, `["\ud83d"]`, `["\ude00"]`, "[\"a\nb\"]", `["\u0000"]`, "[\"\xff\"]", `{"a":1}`,
	} {
		if r, err := parseRequirement(given); err == nil {
			t.Errorf("%s is accepted: %+v", given, r)
		}
	}
}

// FuzzExecForm compares it with package encoding/json, which healthctl does without.
func FuzzExecForm(f *testing.F) {
	for _, seed := range []string{`["a"]`, `[]`, ` [ "a" , "\u00e9" ] `, `["\ud83d\ude00"]`, `["a",]`, `[null]`, `["\/"]`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		words, ok := parseExecForm(text)
		var want []*string // null is not a string
		err := json.Unmarshal([]byte(text), &want)
		if !ok {
			return // json accepts more: null, invalid UTF-8, half a surrogate pair
		}
		if err != nil || slices.Contains(want, nil) || len(want) != len(words) {
			t.Fatalf("%q: %q, but %v, %v", text, words, want, err)
		}
		for i, word := range words {
			if word != *want[i] {
				t.Errorf("%q: %q, want %q", text, word, *want[i])
			}
		}
	})
}
