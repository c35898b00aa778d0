// Package emulator pretends to be AWS over HTTP, for the real SDK clients.
//
// # Goals
//
// One [AWS] value is an [http.Handler] and an [http.RoundTripper] over the same bytes. It holds a [World] in memory,
// refuses what AWS refuses (signatures, IAM, dependency rules, preconditions) with AWS's codes and messages, follows a
// virtual clock that the caller owns, and journals every call, refused ones too. Equal inputs give equal bytes: no wall
// time, no randomness; ids are derived from the invocation, the operation, its parameters and how often it was called.
//
// # Limitations
//
// Only the operations that closing a QuickSight account uses exist. Any other answers 501 NotImplemented and is
// listed by [AWS.Unknown]; nothing pretends to have succeeded. A header-signed request may carry any date, because
// clients sign with the wall clock; a presigned one is held to its expiry on the virtual clock. Data lives in memory only.
//
// # Knobs
//
// [Options.Faults] make chosen calls fail, slow or lost. [Options.Assumptions] answer what AWS leaves undocumented.
// [Options.PageSize] forces small pages. [Options.WithoutRules] switches single refusals off, so that a test can show
// that something depends on each. Durations of asynchronous work, eventual consistency and failures of single
// resources are fields of the [World].
package emulator
