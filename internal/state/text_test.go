package state

import "testing"

// TestPut: what has no room is cut, and an offset outside dst changes nothing.
func TestPut(t *testing.T) {
	for _, c := range []struct {
		n    int
		s    string
		end  int
		want string
	}{
		{0, "", 0, "...."}, {0, "ab", 2, "ab.."}, {2, "cd", 4, "..cd"}, {3, "cd", 4, "...c"}, {4, "e", 4, "...."},
		{0, "abcdef", 4, "abcd"}, {5, "a", 5, "...."}, {-1, "a", -1, "...."},
	} {
		dst := []byte("....")
		if end := Put(dst, c.n, c.s); end != c.end || string(dst) != c.want {
			t.Errorf("Put(%d, %q) returns %d and writes %q", c.n, c.s, end, dst)
		}
	}
}

// TestClip cuts no UTF-8 sequence.
func TestClip(t *testing.T) {
	for limit, want := range []string{"", "a", "a", "aé", "aé", "aé", "aé日", "aé日"} {
		if got := string(Clip([]byte("aé日"), limit)); got != want {
			t.Errorf("%d: %q", limit, got)
		}
	}
}
