package verdict

// Cause is the reason why a unit is unhealthy, or Healthy. Its name, String, is stable:
// healthctl status -json prints it, and docs/messages.md has a heading for each.
type Cause uint8

const (
	Healthy Cause = iota

	// Normal at startup, until the application has called load and set.
	NotLoaded   // no pid file
	NoDirectory // no unit directory
	NoRunDir    // no run directory
	NotSet      // no error file
	Stale       // another process has the recorded pid
	OtherBoot   // recorded before the last boot

	// The application.
	Error       // it set a code other than 0
	Gone        // no process has the pid
	Zombie      // the process has exited but was not reaped
	NoHeartbeat // no set or beat for longer than MaxAge
	NotRecorded // the last set could not be recorded

	// The deployment.
	Clock            // the last set or beat is in the future
	Unverifiable     // the process or the boot id cannot be read
	NoIdentity       // Strict, but another program wrote the files
	IdentityMismatch // pid and identity name different processes
	NotADirectory    // something else has the directory's name
	Unreadable       // a file or the directory cannot be read
	BadUnit          // the unit's name cannot be that of a directory
	BadRunDir        // the run directory's path is relative

	Malformed // a damaged file

	causes // their number
)

var causeNames = [causes]string{
	Healthy:          "healthy",
	NotLoaded:        "not-loaded",
	NoDirectory:      "no-directory",
	NoRunDir:         "no-rundir",
	NotSet:           "not-set",
	Stale:            "stale",
	OtherBoot:        "other-boot",
	Error:            "error",
	Gone:             "gone",
	Zombie:           "zombie",
	NoHeartbeat:      "no-heartbeat",
	NotRecorded:      "not-recorded",
	Clock:            "clock",
	Unverifiable:     "unverifiable",
	NoIdentity:       "no-identity",
	IdentityMismatch: "identity-mismatch",
	NotADirectory:    "not-a-directory",
	Unreadable:       "unreadable",
	BadUnit:          "bad-unit",
	BadRunDir:        "bad-rundir",
	Malformed:        "malformed",
}

func (c Cause) String() string {
	if c < causes {
		return causeNames[c]
	}
	return "unknown"
}

// Causes returns all causes but Healthy, in their order above.
func Causes() []Cause {
	var all []Cause
	for c := Healthy + 1; c < causes; c++ {
		all = append(all, c)
	}
	return all
}
