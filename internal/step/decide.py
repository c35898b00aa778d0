
import json, os, sys, urllib.error, urllib.request
import botocore.session
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest


def ask(question):
    answer = input(question).strip()
    if not answer:
        sys.exit("Nothing was decided.")
    return answer


def send(credentials, path, body):
    """Sends a decision to the page of the closing, signed as a call of its function's URL."""
    request = AWSRequest("POST", "https://" + ASK["host"] + path, headers={"host": ASK["host"], "content-type": "application/json"}, data=body)
    SigV4Auth(credentials, "lambda", ASK["region"]).add_auth(request)
    endpoint = os.environ.get("AWS_ENDPOINT_URL") or "https://" + ASK["host"]
    call = urllib.request.Request(endpoint + path, data=body, headers=dict(request.headers.items()), method="POST")
    try:
        with urllib.request.urlopen(call, timeout=60) as answer:
            return json.load(answer)["message"]
    except urllib.error.HTTPError as refused:
        text = refused.read().decode()
        try:
            sys.exit(json.loads(text)["message"])
        except (ValueError, KeyError):
            sys.exit("The page of the closing answered %d; it takes the managed policy of its approvers. Nothing was decided. %s" % (refused.code, text))


def main():
    print(ASK["text"])
    verdict = ask("approve, reject or cancel? ")
    decision = {k: ASK[k] for k in ("closing", "execution", "round", "digest")}
    decision["verdict"] = verdict
    if verdict == "approve":
        decision["name"] = ask("Type " + ASK["challenge"] + " to approve the plan " + ASK["digest"] + ": ")
    else:
        decision["reason"] = ask("Why? ")
    credentials = botocore.session.get_session().get_credentials()
    if credentials is None:
        sys.exit("There are no AWS credentials here. Nothing was decided.")
    credentials = credentials.get_frozen_credentials()
    # The proof: a request that only STS can answer, and that is good for this decision alone, for five minutes.
    headers = {"x-unsubscribe-" + k: str(decision[k]) for k in ("closing", "digest", "round", "verdict")}
    proof = AWSRequest("GET", "https://" + ASK["sts"] + "/?Action=GetCallerIdentity&Version=2011-06-15", headers=dict(headers))
    SigV4QueryAuth(credentials, "sts", ASK["region"], expires=300).add_auth(proof)
    decision["identity"] = {"url": proof.url, "headers": headers}
    print(send(credentials, "/decisions", json.dumps(decision).encode()))


try:
    main()
except (KeyboardInterrupt, EOFError):
    sys.exit("\nNothing was decided.")
