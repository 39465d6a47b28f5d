//go:build unix

package main

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
)

// TestJSON reads the object back with encoding/json.
func TestJSON(t *testing.T) {
	pid, code, age, cause, identity := int32(7), int32(3), -1.5, "error", "verified"
	report := statusReport{runDir: "/run/\"x\\\n", units: []unitReport{
		{unit: "a\x1b\u202e\U000e0041日本", cause: &cause, pid: &pid, identity: &identity, code: &code, reason: "db\tdown", age: &age, message: "error 3"},
		{unit: "b", healthy: true},
	}}
	var got map[string]any
	if err := json.Unmarshal([]byte(report.json()), &got); err != nil {
		t.Fatalf("%v in\n%s", err, report.json())
	}
	want := map[string]any{"rundir": report.runDir, "healthy": false, "units": []any{
		map[string]any{"unit": report.units[0].unit, "healthy": false, "cause": "error", "pid": 7.0, "identity": "verified",
			"code": 3.0, "reason": "db\tdown", "age": -1.5, "message": "error 3"},
		map[string]any{"unit": "b", "healthy": true, "cause": nil, "pid": nil, "identity": nil, "code": nil, "reason": "", "age": nil, "message": ""},
	}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	if empty := (&statusReport{}).json(); !json.Valid([]byte(empty)) {
		t.Errorf("not JSON: %s", empty)
	}
}

func FuzzJSONString(f *testing.F) {
	for _, s := range []string{"", "a\"\\\n", "\xff\u2028", "\U0010ffff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var got string
		err := json.Unmarshal([]byte(jsonString(s)), &got)
		if want := strings.ToValidUTF8(s, "\ufffd"); err != nil || utf8.ValidString(s) && got != want {
			t.Errorf("%q became %s, which reads as %q (%v)", s, jsonString(s), got, err)
		}
	})
}
