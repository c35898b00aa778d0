package workflow

import _ "embed"

// Definition is the state machine that the CDK app deploys, in the Amazon States Language. make asl writes it; what is known only in
// an account has placeholders: region us-east-1, account 111122223333, version 1 of each function.
//
//go:embed closing.asl.json
var Definition []byte
