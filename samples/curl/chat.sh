#!/usr/bin/env bash
# Two people talk, with curl and openssl alone: what the client libraries do, step by step.
# Needs CONNECTION_STRING, and CURL_CA_BUNDLE with the server's certificate authority.
set -euo pipefail

endpoint=${CONNECTION_STRING#endpoint=}
endpoint=${endpoint%%/;accesskey=*}
key=$(printf '%s' "${CONNECTION_STRING#*;accesskey=}" | base64 -d | od -An -v -tx1 | tr -d ' \n')
host=${endpoint#https://}

# A request of the application: signed with the access key over method, path and query, date, host and the hash of the body.
as_application() {
    local method=$1 target=$2 body=$3 date hash signature
    date=$(LC_ALL=C TZ=GMT date '+%a, %d %b %Y %H:%M:%S GMT')
    hash=$(printf '%s' "$body" | openssl dgst -sha256 -binary | base64)
    signature=$(printf '%s\n%s\n%s;%s;%s' "$method" "$target" "$date" "$host" "$hash" | openssl dgst -sha256 -mac HMAC -macopt "hexkey:$key" -binary | base64)
    curl -sS --fail-with-body -X "$method" "$endpoint$target" -H 'content-type: application/json' -H "x-ms-date: $date" -H "x-ms-content-sha256: $hash" \
        -H "authorization: HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature=$signature" --data-raw "$body"
}

# A request of a user, with their token.
as_user() {
    local token=$1 method=$2 target=$3 body=${4:-}
    curl -sS --fail-with-body -X "$method" "$endpoint$target" -H "authorization: Bearer $token" -H 'content-type: application/json' ${body:+--data-raw "$body"}
}

# The first text of that name in JSON; good enough for these answers.
text() { grep -o "\"$1\":\"[^\"]*\"" | head -n 1 | cut -d '"' -f 4; }

identity='api-version=2023-10-01' chat='api-version=2025-03-15'
created=$(as_application POST "/identities?$identity" '{"createTokenWithScopes":["chat"]}')
ada_id=$(text id <<<"$created") ada=$(text token <<<"$created")
created=$(as_application POST "/identities?$identity" '{"createTokenWithScopes":["chat"]}')
bo_id=$(text id <<<"$created") bo=$(text token <<<"$created")

thread=$(as_user "$ada" POST "/chat/threads?$chat" "{\"topic\":\"Lunch\",\"participants\":[{\"communicationIdentifier\":{\"communicationUser\":{\"id\":\"$bo_id\"}},\"displayName\":\"Bo\"}]}" | text id)
path=/chat/threads/${thread//:/%3A}
path=${path//@/%40}
as_user "$ada" POST "$path/messages?$chat" '{"content":"Lunch at noon?","senderDisplayName":"Ada"}' >/dev/null
as_user "$bo" POST "$path/messages?$chat" '{"content":"I will be there.","senderDisplayName":"Bo"}' >/dev/null
as_user "$bo" GET "$path/messages?$chat" | grep -o '"message":"[^"]*"' | cut -d '"' -f 4 | tac
printf '%s wrote to %s\n' "$ada_id" "$bo_id" >&2
