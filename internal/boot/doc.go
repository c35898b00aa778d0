// Package boot is being a Lambda function: everything that is there only because Lambda runs it.
//
// [Start] is the whole of a function's main. It reads the configuration from the environment, makes the AWS clients' common
// configuration and the log once, and then calls the step for each event. [Handler] is the same without Lambda's runtime: what
// a replay calls with the same bytes, in a context and on a [Host] of its own.
//
//	payload ─► decode ─► step ─► encode
//	                       └──error──► one errorType by value, which the state machine's Retry and Catch match
package boot
