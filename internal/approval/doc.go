// Package approval takes decisions: approve, reject or cancel, by a person who proves who he is.
//
// It is the only writer of decisions. Who may invoke it proves nothing, and neither does anything that its event says about the
// caller: the event carries a presigned sts:GetCallerIdentity whose signed headers repeat the decision, and STS's answer to it
// names the principal. Such a proof can be used for nothing but the decision that it was made for.
//
//	Prove (by the person) ─► Event ─► check the proof ─► ask STS ─► rules ─► write the decision ─► ring the doorbell
//
// The decision is written first and the doorbell is rung second: a run that misses the bell reads the record at its next reminder.
package approval
