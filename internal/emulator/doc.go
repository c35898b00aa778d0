// Package emulator pretends to be AWS over HTTP, for the real SDK clients.
//
// # Goals
//
// One [AWS] value is an [http.Handler] and an [http.RoundTripper] over the same bytes. It holds a [World] in memory,
// refuses what AWS refuses (signatures, IAM, dependency rules, preconditions) with AWS's codes and messages, follows a
// virtual clock that the caller owns, and journals every call, refused ones too. Equal inputs give equal bytes: no wall
// time, no randomness; ids are derived from the invocation, the operation, its parameters and how often it was called.
//
// # Worlds
//
// A [World] is small to write by hand. This one is a protected account with a dashboard, a second namespace that is slow to go, and a
// Simple AD that QuickSight's preview created:
//
//	{
//	  "now": "2026-03-01T12:00:00Z", "hub": "111122223333",
//	  "accounts": {
//	    "111122223333": {"name": "hub"},
//	    "444455556666": {
//	      "name": "leaver",
//	      "users": {"ann": {}},
//	      "principals": [{"accessKeyId": "AKIAANN", "arn": "arn:aws:iam::444455556666:user/ann"}],
//	      "roles": {"QuickSightUnsubscribeRead": {}, "QuickSightUnsubscribeClose": {}},
//	      "quickSight": {
//	        "namespaces": [{"name": "acme"}], "namespaceMinutes": 10,
//	        "users": [{"userName": "Admin/ann", "role": "ADMIN"}],
//	        "regions": {"us-east-1": {"dashboards": ["Sales"]}}
//	      },
//	      "network": {"us-east-1": {"vpcs": [{"id": "vpc-1"}], "subnets": [{"id": "subnet-1", "vpc": "vpc-1"}, {"id": "subnet-2", "vpc": "vpc-1"}]}},
//	      "directories": [{"id": "d-0123456789", "vpc": "vpc-1", "applications": ["quicksight"]}]
//	    }
//	  }
//	}
//
// # Limitations
//
// Only the operations that closing a QuickSight account uses exist. Any other answers 501 NotImplemented and is
// listed by [AWS.Unknown]; nothing pretends to have succeeded. Calls that a client makes at the same time are served, journalled and met by
// faults in the order of their arrival, so who needs equal bytes calls one after the other. A header-signed request may carry any date, because
// clients sign with the wall clock (the partition is aws, and every endpoint counts as HTTPS); a presigned one is held to its expiry on the virtual clock. Data lives in memory only.
//
// # Knobs
//
// [Options.Faults] make chosen calls fail, slow or lost. [Options.Assumptions] answer what AWS leaves undocumented.
// [Options.PageSize] forces small pages. [Options.WithoutRules] switches single refusals off, so that a test can show
// that something depends on each. Durations of asynchronous work, eventual consistency and failures of single
// resources are fields of the [World].
package emulator
