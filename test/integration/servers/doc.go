// Package servers tests healthctl run with real servers of Debian: that the probe says "ready" when a
// client's requests are answered, and only then. Run it as root with
//
//	go test -tags servers -count=1 ./test/integration/servers
//
// Each server goes through a life: it starts, is ready, reloads, hangs, has an error, is told to stop,
// and starts again in the same run directory. All the time a client makes real requests, and asks the
// probe before and after each. Other tests are about programs that are no servers, or start them in a
// way that does not suit healthctl run.
//
// It needs these Debian packages: curl, g++, gunicorn, haproxy, libfcgi-bin, libnode-dev, libsystemd-dev,
// make, nginx-light, nodejs, npm, php8.2-fpm, postgresql-15, puma, python3, redis-server, ruby-sd-notify and
// unbound. Servers and programs run as uid 65532. Without a package the tests that need it skip and name
// it; with CI=true they fail.
//
// The servers in Go (gosystemd) and for Node (nodejs) are modules of their own, since they need a library.
package servers
