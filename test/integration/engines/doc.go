// Package engines checks the recipes of docs/engines.md, and the examples that they are from, with the
// code that reads them elsewhere: BuildKit's Dockerfile parser, Compose's loader, podman's Quadlet
// generator, the AWS SDK and Nomad's configuration language. It starts no engine. It is a module of its
// own so that the project does not depend on all of these:
//
//	cd test/integration/engines && go test -count=1 ./...
//
// Without -count=1 go says "ok (cached)" after a change of a document or an example: it does not see
// files outside of the module.
package engines
