package emulator

var stsOperations = map[string]op{}
var stsRules []rule
