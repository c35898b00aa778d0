package emulator

import "slices"

var ec2RegionOperations = map[string]op{
	"DescribeRegions": {run: describeRegions},
}

// regions are those of the aws partition, and whether an account has to opt in: https://docs.aws.amazon.com/accounts/latest/reference/manage-acct-regions.html
var regions = []struct {
	name  string
	optIn bool
}{
	{"af-south-1", true}, {"ap-east-1", true}, {"ap-east-2", true}, {"ap-northeast-1", false}, {"ap-northeast-2", false}, {"ap-northeast-3", false},
	{"ap-south-1", false}, {"ap-south-2", true}, {"ap-southeast-1", false}, {"ap-southeast-2", false}, {"ap-southeast-3", true}, {"ap-southeast-4", true},
	{"ap-southeast-5", true}, {"ap-southeast-6", true}, {"ap-southeast-7", true}, {"ca-central-1", false}, {"ca-west-1", true}, {"eu-central-1", false},
	{"eu-central-2", true}, {"eu-north-1", false}, {"eu-south-1", true}, {"eu-south-2", true}, {"eu-west-1", false}, {"eu-west-2", false},
	{"eu-west-3", false}, {"il-central-1", true}, {"me-central-1", true}, {"me-south-1", true}, {"mx-central-1", true}, {"sa-east-1", false},
	{"us-east-1", false}, {"us-east-2", false}, {"us-west-1", false}, {"us-west-2", false},
}

// optIn holds the Regions that an account cannot use before it enables them.
var optIn = func() map[string]bool {
	set := map[string]bool{}
	for _, region := range regions {
		set[region.name] = region.optIn
	}
	return set
}()

// describeRegions lists the regions that are enabled for the caller's account, or all.
func describeRegions(r *request) (any, error) {
	filters, err := r.filters()
	if err != nil {
		return nil, err
	}
	var out xmlRegions
	for _, region := range regions {
		item := xmlRegion{region.name, "ec2." + region.name + ".amazonaws.com", "opt-in-not-required"}
		if region.optIn {
			item.OptIn = "opted-in"
		}
		if !r.aws.regionEnabled(r.account, region.name) {
			item.OptIn = "not-opted-in"
		}
		names := r.strs("RegionName")
		shown := len(names) == 0 || slices.Contains(names, item.Name)
		if item.OptIn == "not-opted-in" && !r.flag("AllRegions") {
			shown = false
		}
		for _, f := range filters {
			values, ok := map[string][]string{"region-name": {item.Name}, "endpoint": {item.Endpoint}, "opt-in-status": {item.OptIn}}[f.name]
			if !ok {
				return nil, apiError("InvalidParameterValue", "The filter '%s' is invalid", f.name)
			}
			shown = shown && f.matches(values)
		}
		if shown {
			out.Items = append(out.Items, item)
		}
	}
	return out, nil
}

type xmlRegions struct {
	Items []xmlRegion `xml:"regionInfo>item"`
}

type xmlRegion struct {
	Name     string `xml:"regionName"`
	Endpoint string `xml:"regionEndpoint"`
	OptIn    string `xml:"optInStatus"`
}
