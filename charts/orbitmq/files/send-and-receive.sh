orbitmq() { node /app/dist/cli/main.js "$@"; }
topic=helm-test-$NAME
body="hello from helm test $NAME"

# The cluster may be on its way still; the deadline of the pod ends this.
until orbitmq status; do sleep 2; done
until orbitmq topic create "$topic" --queues 1; do
  orbitmq topic describe "$topic" && break
  sleep 2
done
trap 'orbitmq group delete "$topic" --yes; orbitmq topic delete "$topic" --yes' EXIT

orbitmq send "$topic" "$body"
received=$(orbitmq receive "$topic" --group "$topic" --wait 20s --body)
echo "received: $received"
[ "$received" = "$body" ]
