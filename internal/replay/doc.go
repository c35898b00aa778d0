// Package replay runs a story: the synthesized state machine, interpreted on a virtual clock, calling the real handlers with
// the JSON that Lambda would give them, whose real SDK clients talk to an AWS that is embedded.
//
// A story is a folder with three files:
//
//	event.json   the input that starts the execution, as start-execution takes it
//	world.json   the AWS that it finds (emulator.World)
//	story.json   who does what and when, which calls fail, and what must come out (Story)
//
// After each run the invariants are checked, whatever the story expects: see invariant.go.
package replay
