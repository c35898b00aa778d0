// Package closing holds the business words of closing an Amazon QuickSight account: what is asked for (Request), what would be
// destroyed (Plan), who allowed it (Ask, Decision), the point of no return (Seal, Commit), what was done (Act, Report) and how a
// run ends (Outcome, Error). It knows no AWS and no clock: times are passed in.
//
// The order of a closing is the order of its words:
//
//	Request ─► Plan ─► Ask ─► Decision ─► Seal + Commit ─► Act, Act, … ─► Report (Outcome)
//
// What binds them is the plan's digest: people decide on it, the commit repeats it, and each delete step checks it before it
// changes anything.
package closing
