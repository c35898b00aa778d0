package workflow

import _ "embed"

// Definition is the state machine that the CDK app deploys, in the Amazon States Language. make asl writes it; what is known only in
// an account has placeholders: region us-east-1, account 111122223333, version 1 of each function.
//
//go:embed closing.asl.json
var Definition []byte

// FleetDefinition is the machine that closes many accounts, with the same placeholders.
//
//go:embed fleet.asl.json
var FleetDefinition []byte

// Permissions are the IAM policies that the CDK app deploys, with the same placeholders: "hub" has the functions' roles and, by ARN, the
// policies of its resources, "target" the roles of an account that is to be closed, 444455556666. A role has a path, a trust policy and
// policies.
//
//go:embed permissions.json
var Permissions []byte
