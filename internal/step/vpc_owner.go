package step

import (
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// ownersByType names the service behind an interface by its type. Both spellings of a NAT gateway's are seen.
var ownersByType = map[string]string{
	"api_gateway_managed":              "API Gateway",
	"aws_codestar_connections_managed": "CodeConnections",
	"branch":                           "an ECS task or EKS pod",
	"ec2_instance_connect_endpoint":    "an EC2 Instance Connect endpoint",
	"efs":                              "an EFS mount target",
	"evs":                              "Elastic VMware Service",
	"gateway_load_balancer":            "a Gateway Load Balancer",
	"gateway_load_balancer_endpoint":   "a Gateway Load Balancer endpoint, such as Network Firewall's",
	"global_accelerator_managed":       "Global Accelerator",
	"iot_rules_managed":                "IoT rules",
	"lambda":                           "a Lambda function",
	"load_balancer":                    "a load balancer",
	"nat_gateway":                      "a NAT gateway",
	"natGateway":                       "a NAT gateway",
	"network_load_balancer":            "a Network Load Balancer",
	"quicksight":                       "a QuickSight VPC connection that outlived its subscription",
	"transit_gateway":                  "a transit gateway",
	"trunk":                            "an ECS or EKS node",
	"vpc_endpoint":                     "a VPC endpoint",
}

// ownersByRequester names the service behind an interface by who asked EC2 for it.
var ownersByRequester = map[string]string{
	"amazon-elb": "a load balancer", "amazon-rds": "RDS", "amazon-redshift": "Redshift", "amazon-elasticache": "ElastiCache",
	"amazon-elasticsearch": "OpenSearch", "amazon-aws": "an AWS service",
}

// ownersByDescription names the service behind an interface by how its description begins.
var ownersByDescription = []struct{ prefix, owner string }{
	{"ELB ", "a load balancer"},
	{"RDSNetworkInterface", "RDS"},
	{"RedshiftNetworkInterface", "Redshift"},
	{"ElastiCache", "ElastiCache"},
	{"AWS Lambda VPC ENI", "a Lambda function"},
	{"EFS mount target", "an EFS mount target"},
	{"Amazon EKS", "an EKS cluster"},
	{"aws-K8S", "an EKS node"},
	{"arn:aws:ecs:", "an ECS task"},
	{"DMSNetworkInterface", "DMS"},
	{"Created By Amazon Workspaces", "WorkSpaces"},
	{"FSx", "FSx"},
	{"AWS created network interface for FSx", "FSx"},
	{"Route 53 Resolver", "Route 53 Resolver"},
	{"Attached to Glue", "Glue"},
	{"SageMaker", "SageMaker"},
	{"ES ", "OpenSearch"},
	{"VPC Endpoint Interface", "a VPC endpoint"},
}

// ownerOf says in words who is likely behind an interface, and what says so.
func ownerOf(e types.NetworkInterface) string {
	description := aws.ToString(e.Description)
	owner := ""
	for _, d := range ownersByDescription {
		if strings.HasPrefix(description, d.prefix) {
			owner = d.owner
		}
	}
	switch {
	case owner != "":
	case ownersByType[string(e.InterfaceType)] != "":
		owner = ownersByType[string(e.InterfaceType)]
	case e.Operator != nil && aws.ToString(e.Operator.Principal) != "":
		owner = aws.ToString(e.Operator.Principal)
	case e.Attachment != nil && aws.ToString(e.Attachment.InstanceId) != "":
		owner = "instance " + aws.ToString(e.Attachment.InstanceId)
	case ownersByRequester[aws.ToString(e.RequesterId)] != "":
		owner = ownersByRequester[aws.ToString(e.RequesterId)]
	case aws.ToString(e.RequesterId) != "":
		owner = "requester " + aws.ToString(e.RequesterId)
	default:
		owner = "owner unknown"
	}
	text := fmt.Sprintf("%s, %s", owner, e.Status)
	if e.OwnerId != nil {
		text += ", of account " + aws.ToString(e.OwnerId)
	}
	if description != "" {
		text += fmt.Sprintf(", %q", description)
	}
	return text + named(e.TagSet)
}
