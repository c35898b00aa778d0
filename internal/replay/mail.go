package replay

import (
	"encoding/json"
	"fmt"
)

// Mail is a request for approval that has reached an approver.
type Mail struct{ To, Subject, Body string }

// Mails are those that the subscriptions of the approvals' topic have let through, in their order.
func (r *Run) Mails() []Mail {
	var mails []Mail
	for _, call := range r.Calls {
		if call.Service != "sns" || call.Operation != "Publish" || !call.Done {
			continue
		}
		params := map[string]string{}
		if err := json.Unmarshal(call.Params, &params); err != nil {
			panic(fmt.Sprintf("replay: the parameters of call %d: %v", call.Seq, err)) // the emulator took them
		}
		attributes := map[string]string{}
		for i := 1; params[fmt.Sprintf("MessageAttributes.entry.%d.Name", i)] != ""; i++ {
			entry := fmt.Sprintf("MessageAttributes.entry.%d.", i)
			attributes[params[entry+"Name"]] = params[entry+"Value.StringValue"]
		}
		for _, topic := range r.After.Accounts[r.hub.account].Topics {
			if topic.ARN != params["TopicArn"] || topic.ARN != r.hub.asking() {
				continue
			}
			for _, s := range topic.Subscriptions {
				if s.Takes(attributes) {
					mails = append(mails, Mail{s.Endpoint, params["Subject"], params["Message"]})
				}
			}
		}
	}
	return mails
}
