package asl

import "testing"

func runTestStates(t *testing.T, dir string) (passed, total int) { return 0, 1 }
