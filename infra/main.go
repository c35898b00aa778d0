// Command infra is the CDK app: the hub stack, which closes accounts, and the target stack, with the roles that each account that is to
// be closed must have. It writes its cloud assembly by itself; the CDK's command line is needed only to deploy it.
package main

func main() {}
