package main

import "time"

// pace lets virtual time pass at a speed that people can follow. Long silences are cut to a second.
type pace struct {
	speed  float64 // virtual seconds per second; 0: as fast as it goes
	before time.Duration
}

// wait waits until it is as late as virtual time says.
func (p *pace) wait(since time.Duration) {
	if p.speed > 0 && since > p.before {
		time.Sleep(min(time.Second, time.Duration(float64(since-p.before)/p.speed)))
	}
	p.before = max(p.before, since)
}
