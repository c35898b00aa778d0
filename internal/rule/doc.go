// Package rule holds the house rules as tests: which package may import which, that every package says what it is, that every
// error name of the state machine is one that somebody raises, and how large a function may be.
package rule
