"""Builds an account in moto, prints it as a world's, reads the emulator's URL, and asks both the same.

Each answer is "ok", an error code, or the number of resources that a describe operation shows.
"""
import json
import logging
import os
import sys

import boto3
from botocore.exceptions import ClientError
from moto.server import ThreadedMotoServer

os.environ.update(AWS_ACCESS_KEY_ID="AKIALAB", AWS_SECRET_ACCESS_KEY="emulated-secret-access-key", AWS_DEFAULT_REGION="us-east-1", AWS_MAX_ATTEMPTS="1")
logging.getLogger("werkzeug").setLevel(logging.ERROR)
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
host, port = server.get_host_and_port()
services = ("ec2", "ds", "s3", "sts")
clients = lambda url: {s: boto3.client(s, endpoint_url=url) for s in services}
in_moto = clients(f"http://{host}:{port}")
moto = in_moto["ec2"]

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

elsewhere = moto.create_vpc(CidrBlock="10.8.0.0/16")["Vpc"]["VpcId"]
homes = [moto.create_subnet(VpcId=elsewhere, CidrBlock=f"10.8.{i}.0/24", AvailabilityZone=f"us-east-1{z}")["Subnet"]["SubnetId"] for i, z in enumerate("ab")]
directory = in_moto["ds"].create_directory(Name="quicksight.example.com", Password="Second-0pinion", Size="Small", VpcSettings={"VpcId": elsewhere, "SubnetIds": homes})["DirectoryId"]
in_moto["s3"].create_bucket(Bucket="record")
in_moto["s3"].put_bucket_versioning(Bucket="record", VersioningConfiguration={"Status": "Enabled"})

reference = lambda other: {"protocol": "tcp", "from": 443, "to": 443, "group": other}
network = {
    "endpointMinutes": 0,
    "vpcs": [{"id": vpc, "cidr": "10.7.0.0/16"}, {"id": elsewhere, "cidr": "10.8.0.0/16"}],
    "subnets": [{"id": s, "vpc": vpc, "cidr": f"10.7.{i}.0/24"} for i, s in enumerate(subnets)] + [
        {"id": s, "vpc": elsewhere, "cidr": f"10.8.{i}.0/24", "zone": f"us-east-1{z}"} for i, (s, z) in enumerate(zip(homes, "ab"))],
    "internetGateways": [{"id": igw, "vpc": vpc}], "egressOnlyInternetGateways": [{"id": eigw, "vpc": vpc}],
    "routeTables": [{"id": main, "vpc": vpc, "main": True}, {"id": table, "vpc": vpc, "subnets": subnets[:1]}], "networkAcls": [{"id": acl, "vpc": vpc}],
    "securityGroups": [{"id": default, "vpc": vpc, "name": "default"}] + [
        {"id": g, "vpc": vpc, "name": n, "rules": [reference(o)]} for g, n, o in ((groups[0], "a", groups[1]), (groups[1], "b", groups[0]))],
    "networkInterfaces": [{"id": interface, "subnet": subnets[1], "state": "available", "securityGroups": groups[:1]}],
    "vpcEndpoints": [{"id": endpoint, "vpc": vpc, "service": "com.amazonaws.us-east-1.s3", "routeTables": [table]}],
}
print(json.dumps({
    "network": {"us-east-1": network}, "directories": [{"id": directory, "name": "quicksight.example.com", "vpc": elsewhere, "subnets": homes}], "buckets": {"record": {}},
}), flush=True)

both = {"moto": in_moto, "emulator": clients(sys.stdin.readline().strip())}
inside = [{"Name": "vpc-id", "Values": [vpc]}]
revoke = {"IpPermissions": [{"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "UserIdGroupPairs": [{"GroupId": groups[1]}]}]}
there = [{"Name": "vpc-id", "Values": [elsewhere]}]
seal = {"Bucket": "record", "Key": "seal.json", "Body": b"{}"}
nobody = "arn:aws:iam::111122223333:role/nobody"
ec2_script = [
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

scripts = {"ec2": ec2_script, "ds": [
    ("describe the directory", "describe_directories", {"DirectoryIds": [directory]}),
    ("describe every directory", "describe_directories", {}),
    ("describe an unknown directory", "describe_directories", {"DirectoryIds": ["d-0000000000"]}),
    ("describe a directory by no id", "describe_directories", {"DirectoryIds": ["quicksight"]}),
    ("describe no directory", "describe_directories", {"DirectoryIds": []}),
    ("describe a Simple AD's trusts", "describe_trusts", {"DirectoryId": directory}),
    ("list the directory's tags", "list_tags_for_resource", {"ResourceId": directory}),
    ("delete an unknown directory", "delete_directory", {"DirectoryId": "d-0000000000"}),
    ("delete a directory by no id", "delete_directory", {"DirectoryId": "quicksight"}),
    ("its interfaces", "ec2:describe_network_interfaces", {"Filters": there}),
    ("its security group", "ec2:describe_security_groups", {"Filters": there + [{"Name": "group-name", "Values": [directory + "_controllers"]}]}),
    ("delete the VPC around it", "ec2:delete_vpc", {"VpcId": elsewhere}),
    ("delete the directory", "delete_directory", {"DirectoryId": directory}),
    ("describe the directory that goes", "describe_directories", {}),
    ("delete the directory again", "delete_directory", {"DirectoryId": directory}),
    ("its interfaces when it goes", "ec2:describe_network_interfaces", {"Filters": there}),
], "s3": [
    ("read what is not there", "get_object", {"Bucket": "record", "Key": "seal.json"}),
    ("replace what is not there", "put_object", {**seal, "IfMatch": '"0"'}),
    ("write what is not there", "put_object", {**seal, "IfNoneMatch": "*"}),
    ("write what is there", "put_object", {**seal, "IfNoneMatch": "*"}),
    ("replace what has changed", "put_object", {**seal, "IfMatch": '"0"'}),
    ("replace what is there", "put_object", {**seal, "IfMatch": '"99914b932bd37a50b983c5e7c90ae93b"'}),  # the MD5 of {}
    ("read it", "get_object", {"Bucket": "record", "Key": "seal.json"}),
    ("list it", "list_objects_v2", {"Bucket": "record", "Prefix": "seal"}),
    ("read a bucket that is not there", "get_object", {"Bucket": "another", "Key": "seal.json"}),
    ("delete it", "delete_object", {"Bucket": "record", "Key": "seal.json"}),
    ("read what is deleted", "get_object", {"Bucket": "record", "Key": "seal.json"}),
    ("write what is deleted", "put_object", {**seal, "IfNoneMatch": "*"}),
], "sts": [
    ("ask who I am", "get_caller_identity", {}),
    ("assume a role that is not there", "assume_role", {"RoleArn": nobody, "RoleSessionName": "run-1"}),
]}


def answer(clients, service, operation, arguments):
    if ":" in operation:  # of another service
        service, operation = operation.split(":")
    try:
        out = getattr(clients[service], operation)(**arguments)
    except ClientError as refusal:
        return refusal.response["Error"]["Code"]
    shown = [v for k, v in out.items() if isinstance(v, list)]
    if operation.startswith(("describe_", "list_")):
        return str(len(shown[0]))
    return "ok" if not shown or not shown[0] else shown[0][0].get("Error", {}).get("Code", "ok")


print(json.dumps([
    {"step": name, **{who: answer(its, service, operation, arguments) for who, its in both.items()}}
    for service, script in scripts.items() for name, operation, arguments in script]))
server.stop()
