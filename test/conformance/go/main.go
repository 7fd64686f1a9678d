// Driver of the Go client, see ../driver-protocol.ts.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"time"

	rmq "github.com/apache/rocketmq-clients/golang/v5"
	"github.com/apache/rocketmq-clients/golang/v5/credentials"
	v2 "github.com/apache/rocketmq-clients/golang/v5/protocol/v2"
)

type request struct {
	ID   int64  `json:"id"`
	Op   string `json:"op"`
	Args args   `json:"args"`
}

// args holds the arguments of all operations.
type args struct {
	Endpoint      string   `json:"endpoint"`
	Topic         string   `json:"topic"`
	Group         string   `json:"group"`
	Filter        string   `json:"filter"`
	Handle        string   `json:"handle"`
	Ref           string   `json:"ref"`
	ReceiptHandle *string  `json:"receiptHandle"`
	AwaitMs       int64    `json:"awaitMs"`
	InvisibleMs   int64    `json:"invisibleMs"`
	Max           int32    `json:"max"`
	FailFirst     int32    `json:"failFirst"`
	From          int      `json:"from"`
	Message       outgoing `json:"message"`
}

type outgoing struct {
	Topic      string            `json:"topic"`
	Body       []byte            `json:"body"`
	Tag        *string           `json:"tag"`
	Keys       []string          `json:"keys"`
	Properties map[string]string `json:"properties"`
}

type incoming struct {
	Ref             string            `json:"ref"`
	MessageID       string            `json:"messageId"`
	Topic           string            `json:"topic"`
	Body            []byte            `json:"body"`
	Tag             *string           `json:"tag"`
	Keys            []string          `json:"keys"`
	Properties      map[string]string `json:"properties"`
	Attempt         int32             `json:"attempt"`
	BornHost        string            `json:"bornHost"`
	BornTimestampMs int64             `json:"bornTimestampMs"`
	ReceiptHandle   string            `json:"receiptHandle"`
}

type failure struct {
	Message string `json:"message"`
	Code    *int32 `json:"code"`
}

type response struct {
	ID     int64    `json:"id"`
	Result any      `json:"result,omitempty"`
	Error  *failure `json:"error,omitempty"`
}

type stoppable interface {
	GracefulStop() error
}

type received struct {
	consumer rmq.SimpleConsumer
	view     *rmq.MessageView
}

type pushed struct {
	consumer rmq.PushConsumer
	messages []incoming
}

// driver is what the requests share; the lock guards all of it.
type driver struct {
	lock      sync.Mutex
	last      int
	producers map[string]rmq.Producer
	consumers map[string]rmq.SimpleConsumer
	pushes    map[string]*pushed
	messages  map[string]received
}

func (d *driver) nextName(kind string) string {
	d.last++
	return fmt.Sprintf("%s-%d", kind, d.last)
}

func config(a args) *rmq.Config {
	return &rmq.Config{
		Endpoint:      a.Endpoint,
		ConsumerGroup: a.Group,
		// The library insists on credentials even where nobody asks for them.
		Credentials: &credentials.SessionCredentials{AccessKey: "none", AccessSecret: "none"},
	}
}

func subscription(a args) map[string]*rmq.FilterExpression {
	return map[string]*rmq.FilterExpression{a.Topic: rmq.NewFilterExpression(a.Filter)}
}

func describe(view *rmq.MessageView, ref string) incoming {
	var bornMs int64
	if born := view.GetBornTimestamp(); born != nil {
		bornMs = born.UnixMilli()
	}
	keys := view.GetKeys()
	if keys == nil {
		keys = []string{}
	}
	properties := view.GetProperties()
	if properties == nil {
		properties = map[string]string{}
	}
	return incoming{
		Ref: ref, MessageID: view.GetMessageId(), Topic: view.GetTopic(), Body: view.GetBody(),
		Tag: view.GetTag(), Keys: keys, Properties: properties, Attempt: view.GetDeliveryAttempt(),
		BornHost: *view.GetBornHost(), BornTimestampMs: bornMs, ReceiptHandle: view.GetReceiptHandle(),
	}
}

func (d *driver) startProducer(a args) (any, error) {
	producer, err := rmq.NewProducer(config(a), rmq.WithTopics(a.Topic))
	if err != nil {
		return nil, err
	}
	if err = producer.Start(); err != nil {
		return nil, err
	}
	d.lock.Lock()
	defer d.lock.Unlock()
	handle := d.nextName("producer")
	d.producers[handle] = producer
	return map[string]string{"handle": handle}, nil
}

func (d *driver) send(a args) (any, error) {
	d.lock.Lock()
	producer := d.producers[a.Handle]
	d.lock.Unlock()
	message := &rmq.Message{Topic: a.Message.Topic, Body: a.Message.Body}
	if a.Message.Tag != nil {
		message.SetTag(*a.Message.Tag)
	}
	message.SetKeys(a.Message.Keys...)
	for name, value := range a.Message.Properties {
		message.AddProperty(name, value)
	}
	receipts, err := producer.Send(context.Background(), message)
	if err != nil {
		return nil, err
	}
	return map[string]string{"messageId": receipts[0].MessageID}, nil
}

func (d *driver) startSimpleConsumer(a args) (any, error) {
	consumer, err := rmq.NewSimpleConsumer(config(a),
		rmq.WithSimpleAwaitDuration(time.Duration(a.AwaitMs)*time.Millisecond),
		rmq.WithSimpleSubscriptionExpressions(subscription(a)))
	if err != nil {
		return nil, err
	}
	if err = consumer.Start(); err != nil {
		return nil, err
	}
	d.lock.Lock()
	defer d.lock.Unlock()
	handle := d.nextName("simple")
	d.consumers[handle] = consumer
	return map[string]string{"handle": handle}, nil
}

func (d *driver) receive(a args) (any, error) {
	d.lock.Lock()
	consumer := d.consumers[a.Handle]
	d.lock.Unlock()
	views, err := consumer.Receive(context.Background(), a.Max, time.Duration(a.InvisibleMs)*time.Millisecond)
	if status, ok := rmq.AsErrRpcStatus(err); ok && status.GetCode() == int32(v2.Code_MESSAGE_NOT_FOUND) {
		err = nil // this library makes an error of an empty poll
	}
	if err != nil {
		return nil, err
	}
	d.lock.Lock()
	defer d.lock.Unlock()
	messages := []incoming{}
	for _, view := range views {
		ref := d.nextName("message")
		d.messages[ref] = received{consumer, view}
		messages = append(messages, describe(view, ref))
	}
	return map[string]any{"messages": messages}, nil
}

func (d *driver) message(ref string) (received, error) {
	d.lock.Lock()
	defer d.lock.Unlock()
	found, ok := d.messages[ref]
	if !ok {
		return found, fmt.Errorf("no message %s", ref)
	}
	return found, nil
}

func (d *driver) ack(a args) (any, error) {
	found, err := d.message(a.Ref)
	if err != nil {
		return nil, err
	}
	view := *found.view
	if a.ReceiptHandle != nil {
		view.ReceiptHandle = *a.ReceiptHandle
	}
	return struct{}{}, found.consumer.Ack(context.Background(), &view)
}

func (d *driver) changeInvisible(a args) (any, error) {
	found, err := d.message(a.Ref)
	if err != nil {
		return nil, err
	}
	duration := time.Duration(a.InvisibleMs) * time.Millisecond
	return struct{}{}, found.consumer.ChangeInvisibleDuration(found.view, duration)
}

func (d *driver) startPushConsumer(a args) (any, error) {
	push := &pushed{messages: []incoming{}}
	listener := &rmq.FuncMessageListener{Consume: func(view *rmq.MessageView) rmq.ConsumerResult {
		d.lock.Lock()
		push.messages = append(push.messages, describe(view, ""))
		d.lock.Unlock()
		if view.GetDeliveryAttempt() <= a.FailFirst {
			return rmq.FAILURE
		}
		return rmq.SUCCESS
	}}
	consumer, err := rmq.NewPushConsumer(config(a),
		rmq.WithPushAwaitDuration(5*time.Second),
		rmq.WithPushSubscriptionExpressions(subscription(a)),
		rmq.WithPushMessageListener(listener),
		rmq.WithPushConsumptionThreadCount(20),
		rmq.WithPushMaxCacheMessageCount(1024))
	if err != nil {
		return nil, err
	}
	if err = consumer.Start(); err != nil {
		return nil, err
	}
	d.lock.Lock()
	defer d.lock.Unlock()
	push.consumer = consumer
	handle := d.nextName("push")
	d.pushes[handle] = push
	return map[string]string{"handle": handle}, nil
}

func (d *driver) delivered(a args) (any, error) {
	d.lock.Lock()
	defer d.lock.Unlock()
	messages := d.pushes[a.Handle].messages
	return map[string]any{"messages": append([]incoming{}, messages[a.From:]...)}, nil
}

func (d *driver) stop(a args) (any, error) {
	d.lock.Lock()
	var client stoppable
	if producer, ok := d.producers[a.Handle]; ok {
		client = producer
	} else if consumer, ok := d.consumers[a.Handle]; ok {
		client = consumer
	} else if push, ok := d.pushes[a.Handle]; ok {
		client = push.consumer
	}
	d.lock.Unlock()
	if client == nil {
		return nil, fmt.Errorf("no client %s", a.Handle)
	}
	return struct{}{}, client.GracefulStop()
}

func (d *driver) perform(r request) (result any, err error) {
	// The library panics where an answer lacks what it expects.
	defer func() {
		if reason := recover(); reason != nil {
			err = fmt.Errorf("panic: %v", reason)
		}
	}()
	operations := map[string]func(args) (any, error){
		"hello":               func(args) (any, error) { return map[string]string{"client": "golang/v5"}, nil },
		"startProducer":       d.startProducer,
		"send":                d.send,
		"startSimpleConsumer": d.startSimpleConsumer,
		"receive":             d.receive,
		"ack":                 d.ack,
		"changeInvisible":     d.changeInvisible,
		"startPushConsumer":   d.startPushConsumer,
		"delivered":           d.delivered,
		"stop":                d.stop,
	}
	operation, ok := operations[r.Op]
	if !ok {
		return nil, fmt.Errorf("no operation %s", r.Op)
	}
	return operation(r.Args)
}

func main() {
	rmq.EnableSsl = os.Getenv("ORBITMQ_CONFORMANCE_TLS") == "1"
	d := &driver{
		producers: map[string]rmq.Producer{},
		consumers: map[string]rmq.SimpleConsumer{},
		pushes:    map[string]*pushed{},
		messages:  map[string]received{},
	}
	var output sync.Mutex
	lines := bufio.NewReaderSize(os.Stdin, 1<<20)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return // the suite has closed our input
		}
		go func() {
			var r request
			answer := response{}
			if err := json.Unmarshal(line, &r); err != nil {
				fmt.Fprintln(os.Stderr, err)
				return
			}
			answer.ID = r.ID
			result, err := d.perform(r)
			if err != nil {
				answer.Error = &failure{Message: err.Error()}
				if status, ok := rmq.AsErrRpcStatus(err); ok {
					code := status.GetCode()
					answer.Error.Code = &code
				}
			} else {
				answer.Result = result
			}
			text, err := json.Marshal(answer)
			if err != nil {
				fmt.Fprintln(os.Stderr, err)
				return
			}
			output.Lock()
			defer output.Unlock()
			fmt.Println(string(text))
		}()
	}
}
