//! Driver of the Rust client, see ../driver-protocol.ts. The released client has no push consumer, cannot change the
//! invisible time and has no TLS.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::time::Duration;

use base64::engine::general_purpose::STANDARD as BASE64;
use base64::Engine;
use rocketmq::conf::{ClientOption, ProducerOption, SimpleConsumerOption};
use rocketmq::error::ClientError;
use rocketmq::model::common::{Endpoints, FilterExpression, FilterType};
use rocketmq::model::message::{AckMessageEntry, MessageBuilder, MessageView};
use rocketmq::{Producer, SimpleConsumer};
use serde::Deserialize;
use serde_json::{json, Value};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::sync::{Mutex, RwLock};

#[derive(Deserialize)]
struct Request {
    id: u64,
    op: String,
    args: Arguments,
}

/// Arguments of all operations.
#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Arguments {
    endpoint: String,
    topic: String,
    group: String,
    filter: String,
    handle: String,
    #[serde(rename = "ref")]
    reference: String,
    receipt_handle: Option<String>,
    await_ms: u64,
    invisible_ms: u64,
    max: i32,
    message: Outgoing,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Outgoing {
    topic: String,
    body: String,
    tag: Option<String>,
    keys: Vec<String>,
    properties: HashMap<String, String>,
}

struct Subscribed {
    consumer: SimpleConsumer,
    topic: String,
    filter: String,
}

struct Received {
    consumer: Arc<Subscribed>,
    view: MessageView,
}

/// What is acknowledged: a message of ours, perhaps with another receipt handle than its own.
struct Entry {
    topic: String,
    message_id: String,
    receipt_handle: String,
    endpoints: Endpoints,
}

impl AckMessageEntry for Entry {
    fn topic(&self) -> String {
        self.topic.clone()
    }
    fn message_id(&self) -> String {
        self.message_id.clone()
    }
    fn receipt_handle(&self) -> String {
        self.receipt_handle.clone()
    }
    fn endpoints(&self) -> &Endpoints {
        &self.endpoints
    }
}

#[derive(Default)]
struct Driver {
    last: AtomicU64,
    producers: RwLock<HashMap<String, Arc<Producer>>>,
    consumers: RwLock<HashMap<String, Arc<Subscribed>>>,
    messages: RwLock<HashMap<String, Arc<Received>>>,
}

struct Failure {
    message: String,
    code: Option<u32>,
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        let name = error.context().iter().find(|(key, _)| *key == "code");
        Failure {
            message: format!("{error}"),
            code: name.and_then(|(_, name)| status_code(name)),
        }
    }
}

/// The client tells codes by name. Those that the suite looks for:
fn status_code(name: &str) -> Option<u32> {
    match name {
        "INVALID_RECEIPT_HANDLE" => Some(40013),
        "TOO_MANY_REQUESTS" => Some(42900),
        _ => None,
    }
}

fn fail(message: &str) -> Failure {
    Failure {
        message: message.to_string(),
        code: None,
    }
}

fn client_option(a: &Arguments) -> ClientOption {
    let mut option = ClientOption::default();
    option.set_access_url(a.endpoint.clone());
    option.set_enable_tls(false);
    option
}

fn describe(view: &MessageView, reference: &str) -> Value {
    json!({
        "ref": reference,
        "messageId": view.message_id(),
        "topic": view.topic(),
        "body": BASE64.encode(view.body()),
        "tag": view.tag(),
        "keys": view.keys(),
        "properties": view.properties(),
        "attempt": view.delivery_attempt(),
        "bornHost": view.born_host(),
        "bornTimestampMs": view.born_timestamp() * 1000,
        "receiptHandle": view.receipt_handle(),
    })
}

impl Driver {
    fn next_name(&self, kind: &str) -> String {
        format!("{kind}-{}", self.last.fetch_add(1, Ordering::Relaxed) + 1)
    }

    async fn start_producer(&self, a: Arguments) -> Result<Value, Failure> {
        let mut option = ProducerOption::default();
        option.set_topics(vec![a.topic.clone()]);
        let mut producer = Producer::new(option, client_option(&a))?;
        producer.start().await?;
        let handle = self.next_name("producer");
        self.producers
            .write()
            .await
            .insert(handle.clone(), Arc::new(producer));
        Ok(json!({ "handle": handle }))
    }

    async fn send(&self, a: Arguments) -> Result<Value, Failure> {
        let producer = self.producers.read().await.get(&a.handle).cloned();
        let producer = producer.ok_or_else(|| fail("no such producer"))?;
        let body = BASE64
            .decode(&a.message.body)
            .map_err(|_| fail("body is not base64"))?;
        let mut builder = MessageBuilder::builder()
            .set_topic(a.message.topic)
            .set_body(body);
        if let Some(tag) = a.message.tag {
            builder = builder.set_tag(tag);
        }
        builder = builder
            .set_keys(a.message.keys)
            .set_properties(a.message.properties);
        let receipt = producer.send(builder.build()?).await?;
        Ok(json!({ "messageId": receipt.message_id() }))
    }

    async fn start_simple_consumer(&self, a: Arguments) -> Result<Value, Failure> {
        let mut option = SimpleConsumerOption::default();
        option.set_consumer_group(a.group.clone());
        option.set_topics(vec![a.topic.clone()]);
        let mut client_option = client_option(&a);
        client_option.set_long_polling_timeout(Duration::from_millis(a.await_ms));
        let mut consumer = SimpleConsumer::new(option, client_option)?;
        consumer.start().await?;
        let handle = self.next_name("simple");
        let subscribed = Subscribed {
            consumer,
            topic: a.topic,
            filter: a.filter,
        };
        self.consumers
            .write()
            .await
            .insert(handle.clone(), Arc::new(subscribed));
        Ok(json!({ "handle": handle }))
    }

    async fn receive(&self, a: Arguments) -> Result<Value, Failure> {
        let subscribed = self.consumers.read().await.get(&a.handle).cloned();
        let subscribed = subscribed.ok_or_else(|| fail("no such consumer"))?;
        let filter = FilterExpression::new(FilterType::Tag, subscribed.filter.clone());
        let invisible = Duration::from_millis(a.invisible_ms);
        let views = subscribed
            .consumer
            .receive_with(&subscribed.topic, &filter, a.max, invisible)
            .await?;
        let mut messages = Vec::new();
        for view in views {
            let reference = self.next_name("message");
            messages.push(describe(&view, &reference));
            let received = Received {
                consumer: subscribed.clone(),
                view,
            };
            self.messages
                .write()
                .await
                .insert(reference, Arc::new(received));
        }
        Ok(json!({ "messages": messages }))
    }

    async fn ack(&self, a: Arguments) -> Result<Value, Failure> {
        let found = self.messages.read().await.get(&a.reference).cloned();
        let found = found.ok_or_else(|| fail("no such message"))?;
        let view = &found.view;
        let entry = Entry {
            topic: view.topic().to_string(),
            message_id: view.message_id().to_string(),
            receipt_handle: a.receipt_handle.unwrap_or_else(|| view.receipt_handle()),
            endpoints: view.endpoints().clone(),
        };
        found.consumer.consumer.ack(&entry).await?;
        Ok(json!({}))
    }

    async fn stop(&self, a: Arguments) -> Result<Value, Failure> {
        // `shutdown` consumes the client; one that is still in use elsewhere ends with the process.
        if let Some(producer) = self.producers.write().await.remove(&a.handle) {
            if let Ok(producer) = Arc::try_unwrap(producer) {
                producer.shutdown().await?;
            }
        }
        self.consumers.write().await.remove(&a.handle);
        Ok(json!({}))
    }

    async fn perform(&self, op: &str, a: Arguments) -> Result<Value, Failure> {
        match op {
            "hello" => Ok(json!({ "client": "rocketmq (crate)" })),
            "startProducer" => self.start_producer(a).await,
            "send" => self.send(a).await,
            "startSimpleConsumer" => self.start_simple_consumer(a).await,
            "receive" => self.receive(a).await,
            "ack" => self.ack(a).await,
            "stop" => self.stop(a).await,
            _ => Err(fail("the Rust client cannot do this")),
        }
    }
}

#[tokio::main]
async fn main() {
    let driver = Arc::new(Driver::default());
    let output = Arc::new(Mutex::new(tokio::io::stdout()));
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let driver = driver.clone();
        let output = output.clone();
        tokio::spawn(async move {
            let request: Request = match serde_json::from_str(&line) {
                Ok(request) => request,
                Err(error) => return eprintln!("{error}: {line}"),
            };
            let id = request.id;
            // The library panics where a broker cannot be reached: a task of its own keeps that an answer.
            let work = async move { driver.perform(&request.op, request.args).await };
            let text = match tokio::spawn(work).await {
                Ok(Ok(result)) => format!(r#"{{"id":{id},"result":{result}}}"#),
                Ok(Err(failure)) => {
                    let error = json!({ "message": failure.message, "code": failure.code });
                    format!(r#"{{"id":{id},"error":{error}}}"#)
                }
                Err(panic) => {
                    let error = json!({ "message": format!("{panic}"), "code": null });
                    format!(r#"{{"id":{id},"error":{error}}}"#)
                }
            };
            let mut output = output.lock().await;
            let written = output.write_all(format!("{text}\n").as_bytes()).await;
            if written.is_err() || output.flush().await.is_err() {
                std::process::exit(1);
            }
        });
    }
    std::process::exit(0); // the suite has closed our input
}
