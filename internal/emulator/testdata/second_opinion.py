"""Builds a network in moto, prints it as a world's network, reads the emulator's URL, and asks both the same.

Each answer is "ok", an error code, or the number of resources that a describe operation shows.
"""
import json
import os
import sys

import boto3
from botocore.exceptions import ClientError
from moto.server import ThreadedMotoServer

os.environ.update(AWS_ACCESS_KEY_ID="AKIALAB", AWS_SECRET_ACCESS_KEY="emulated-secret-access-key", AWS_DEFAULT_REGION="us-east-1", AWS_MAX_ATTEMPTS="1")
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
host, port = server.get_host_and_port()
moto = boto3.client("ec2", endpoint_url=f"http://{host}:{port}")

vpc = moto.create_vpc(CidrBlock="10.7.0.0/16")["Vpc"]["VpcId"]
subnets = [moto.create_subnet(VpcId=vpc, CidrBlock=f"10.7.{i}.0/24")["Subnet"]["SubnetId"] for i in range(2)]
igw = moto.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
moto.attach_internet_gateway(InternetGatewayId=igw, VpcId=vpc)
eigw = moto.create_egress_only_internet_gateway(VpcId=vpc)["EgressOnlyInternetGateway"]["EgressOnlyInternetGatewayId"]
table = moto.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
moto.associate_route_table(RouteTableId=table, SubnetId=subnets[0])
acl = moto.create_network_acl(VpcId=vpc)["NetworkAcl"]["NetworkAclId"]
groups = [moto.create_security_group(GroupName=name, Description=name, VpcId=vpc)["GroupId"] for name in ("a", "b")]
for mine, other in (groups, groups[::-1]):
    moto.authorize_security_group_ingress(GroupId=mine, IpPermissions=[{"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "UserIdGroupPairs": [{"GroupId": other}]}])
default = moto.describe_security_groups(Filters=[{"Name": "vpc-id", "Values": [vpc]}, {"Name": "group-name", "Values": ["default"]}])["SecurityGroups"][0]["GroupId"]
main = moto.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [vpc]}, {"Name": "association.main", "Values": ["true"]}])["RouteTables"][0]["RouteTableId"]
interface = moto.create_network_interface(SubnetId=subnets[1], Groups=[groups[0]])["NetworkInterface"]["NetworkInterfaceId"]
endpoint = moto.create_vpc_endpoint(VpcId=vpc, ServiceName="com.amazonaws.us-east-1.s3", VpcEndpointType="Gateway", RouteTableIds=[table])["VpcEndpoint"]["VpcEndpointId"]

reference = lambda other: {"protocol": "tcp", "from": 443, "to": 443, "group": other}
print(json.dumps({
    "endpointMinutes": 0,
    "vpcs": [{"id": vpc, "cidr": "10.7.0.0/16"}],
    "subnets": [{"id": s, "vpc": vpc, "cidr": f"10.7.{i}.0/24"} for i, s in enumerate(subnets)],
    "internetGateways": [{"id": igw, "vpc": vpc}], "egressOnlyInternetGateways": [{"id": eigw, "vpc": vpc}],
    "routeTables": [{"id": main, "vpc": vpc, "main": True}, {"id": table, "vpc": vpc, "subnets": subnets[:1]}], "networkAcls": [{"id": acl, "vpc": vpc}],
    "securityGroups": [{"id": default, "vpc": vpc, "name": "default"}] + [
        {"id": g, "vpc": vpc, "name": n, "rules": [reference(o)]} for g, n, o in ((groups[0], "a", groups[1]), (groups[1], "b", groups[0]))],
    "networkInterfaces": [{"id": interface, "subnet": subnets[1], "state": "available", "securityGroups": groups[:1]}],
    "vpcEndpoints": [{"id": endpoint, "vpc": vpc, "service": "com.amazonaws.us-east-1.s3", "routeTables": [table]}],
}), flush=True)

both = {"moto": moto, "emulator": boto3.client("ec2", endpoint_url=sys.stdin.readline().strip())}
inside = [{"Name": "vpc-id", "Values": [vpc]}]
revoke = {"IpPermissions": [{"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "UserIdGroupPairs": [{"GroupId": groups[1]}]}]}
script = [
    ("describe subnets", "describe_subnets", {"Filters": inside}),
    ("describe groups", "describe_security_groups", {"Filters": inside}),
    ("describe route tables", "describe_route_tables", {"Filters": inside}),
    ("describe ACLs", "describe_network_acls", {"Filters": inside}),
    ("describe interfaces", "describe_network_interfaces", {"Filters": inside}),
    ("describe endpoints", "describe_vpc_endpoints", {"Filters": inside}),
    ("describe an unknown VPC", "describe_vpcs", {"VpcIds": ["vpc-00000000000000000"]}),
    ("delete an unknown subnet", "delete_subnet", {"SubnetId": "subnet-00000000000000000"}),
    ("delete the VPC with everything in it", "delete_vpc", {"VpcId": vpc}),
    ("delete a subnet with an interface", "delete_subnet", {"SubnetId": subnets[1]}),
    ("delete the default group", "delete_security_group", {"GroupId": default}),
    ("delete a group that is named", "delete_security_group", {"GroupId": groups[1]}),
    ("delete a group that is used", "delete_security_group", {"GroupId": groups[0]}),
    ("delete the main route table", "delete_route_table", {"RouteTableId": main}),
    ("delete a route table with a subnet", "delete_route_table", {"RouteTableId": table}),
    ("delete an attached internet gateway", "delete_internet_gateway", {"InternetGatewayId": igw}),
    ("delete the endpoint", "delete_vpc_endpoints", {"VpcEndpointIds": [endpoint]}),
    ("delete the interface", "delete_network_interface", {"NetworkInterfaceId": interface}),
    ("delete the interface again", "delete_network_interface", {"NetworkInterfaceId": interface}),
    ("delete the egress-only gateway", "delete_egress_only_internet_gateway", {"EgressOnlyInternetGatewayId": eigw}),
    ("detach the internet gateway", "detach_internet_gateway", {"InternetGatewayId": igw, "VpcId": vpc}),
    ("delete the internet gateway", "delete_internet_gateway", {"InternetGatewayId": igw}),
    ("delete the first subnet", "delete_subnet", {"SubnetId": subnets[0]}),
    ("delete the second subnet", "delete_subnet", {"SubnetId": subnets[1]}),
    ("delete the route table", "delete_route_table", {"RouteTableId": table}),
    ("delete the ACL", "delete_network_acl", {"NetworkAclId": acl}),
    ("revoke the reference", "revoke_security_group_ingress", {"GroupId": groups[0], **revoke}),
    ("delete the second group", "delete_security_group", {"GroupId": groups[1]}),
    ("delete the first group", "delete_security_group", {"GroupId": groups[0]}),
    ("delete the VPC", "delete_vpc", {"VpcId": vpc}),
    ("delete the VPC again", "delete_vpc", {"VpcId": vpc}),
]


def answer(client, operation, arguments):
    try:
        out = getattr(client, operation)(**arguments)
    except ClientError as refusal:
        return refusal.response["Error"]["Code"]
    shown = [v for k, v in out.items() if isinstance(v, list)]
    if operation.startswith("describe_"):
        return str(len(shown[0]))
    return "ok" if not shown or not shown[0] else shown[0][0].get("Error", {}).get("Code", "ok")


print(json.dumps([{"step": name, **{who: answer(client, operation, arguments) for who, client in both.items()}} for name, operation, arguments in script]))
server.stop()
