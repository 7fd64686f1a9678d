package orbitmq.conformance;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonObject;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.rocketmq.client.apis.ClientConfiguration;
import org.apache.rocketmq.client.apis.ClientServiceProvider;
import org.apache.rocketmq.client.apis.consumer.ConsumeResult;
import org.apache.rocketmq.client.apis.consumer.FilterExpression;
import org.apache.rocketmq.client.apis.consumer.FilterExpressionType;
import org.apache.rocketmq.client.apis.consumer.PushConsumer;
import org.apache.rocketmq.client.apis.consumer.SimpleConsumer;
import org.apache.rocketmq.client.apis.message.MessageBuilder;
import org.apache.rocketmq.client.apis.message.MessageView;
import org.apache.rocketmq.client.apis.producer.Producer;
import org.apache.rocketmq.client.java.message.MessageViewImpl;

/** Driver of the Java client, see ../driver-protocol.ts. */
public final class Driver {
    private static final boolean TLS = "1".equals(System.getenv("ORBITMQ_CONFORMANCE_TLS"));
    /** The client tells its status codes only inside the text of its exceptions. */
    private static final Pattern CODE = Pattern.compile("response-code=(\\d+)");

    private final ClientServiceProvider provider = ClientServiceProvider.loadService();
    private final Gson gson = new GsonBuilder().serializeNulls().disableHtmlEscaping().create();
    private final AtomicInteger last = new AtomicInteger();
    private final Map<String, AutoCloseable> clients = new ConcurrentHashMap<>();
    private final Map<String, Received> received = new ConcurrentHashMap<>();
    private final Map<String, List<Incoming>> deliveries = new ConcurrentHashMap<>();
    private final PrintStream output;

    private record Received(SimpleConsumer consumer, MessageViewImpl view) {}

    /** Arguments of all operations. */
    private static final class Arguments {
        String endpoint;
        String topic;
        String group;
        String filter;
        String handle;
        String ref;
        String receiptHandle;
        long awaitMs;
        long invisibleMs;
        int max;
        int failFirst;
        int from;
        Outgoing message;
    }

    private static final class Request {
        long id;
        String op;
        Arguments args;
    }

    private static final class Outgoing {
        String topic;
        String body;
        String tag;
        List<String> keys = List.of();
        Map<String, String> properties = Map.of();
    }

    private record Incoming(
            String ref,
            String messageId,
            String topic,
            String body,
            String tag,
            List<String> keys,
            Map<String, String> properties,
            int attempt,
            String bornHost,
            long bornTimestampMs,
            String receiptHandle) {}

    private Driver(PrintStream output) {
        this.output = output;
    }

    private ClientConfiguration configuration(Arguments a) {
        return ClientConfiguration.newBuilder().setEndpoints(a.endpoint).enableSsl(TLS).build();
    }

    private static Map<String, FilterExpression> subscription(Arguments a) {
        return Map.of(a.topic, new FilterExpression(a.filter, FilterExpressionType.TAG));
    }

    private Map<String, Object> keep(AutoCloseable client, String kind) {
        String handle = nextName(kind);
        clients.put(handle, client);
        return Map.of("handle", handle);
    }

    private String nextName(String kind) {
        return kind + "-" + last.incrementAndGet();
    }

    private <T> T client(String handle, Class<T> type) {
        return type.cast(clients.get(handle));
    }

    private static Incoming describe(MessageView view, String ref) {
        ByteBuffer body = view.getBody();
        byte[] bytes = new byte[body.remaining()];
        body.get(bytes);
        return new Incoming(
                ref,
                view.getMessageId().toString(),
                view.getTopic(),
                Base64.getEncoder().encodeToString(bytes),
                view.getTag().orElse(null),
                new ArrayList<>(view.getKeys()),
                view.getProperties(),
                view.getDeliveryAttempt(),
                view.getBornHost(),
                view.getBornTimestamp(),
                ((MessageViewImpl) view).getReceiptHandle());
    }

    private Object startProducer(Arguments a) throws Exception {
        Producer producer =
                provider.newProducerBuilder()
                        .setClientConfiguration(configuration(a))
                        .setTopics(a.topic)
                        .build();
        return keep(producer, "producer");
    }

    private Object send(Arguments a) throws Exception {
        Outgoing given = a.message;
        MessageBuilder builder =
                provider.newMessageBuilder()
                        .setTopic(given.topic)
                        .setBody(Base64.getDecoder().decode(given.body));
        if (given.tag != null) {
            builder.setTag(given.tag);
        }
        if (!given.keys.isEmpty()) {
            builder.setKeys(given.keys.toArray(new String[0]));
        }
        given.properties.forEach(builder::addProperty);
        return Map.of(
                "messageId",
                client(a.handle, Producer.class).send(builder.build()).getMessageId().toString());
    }

    private Object startSimpleConsumer(Arguments a) throws Exception {
        SimpleConsumer consumer =
                provider.newSimpleConsumerBuilder()
                        .setClientConfiguration(configuration(a))
                        .setConsumerGroup(a.group)
                        .setAwaitDuration(Duration.ofMillis(a.awaitMs))
                        .setSubscriptionExpressions(subscription(a))
                        .build();
        return keep(consumer, "simple");
    }

    private Object receive(Arguments a) throws Exception {
        SimpleConsumer consumer = client(a.handle, SimpleConsumer.class);
        List<Incoming> messages = new ArrayList<>();
        for (MessageView view : consumer.receive(a.max, Duration.ofMillis(a.invisibleMs))) {
            String ref = nextName("message");
            received.put(ref, new Received(consumer, (MessageViewImpl) view));
            messages.add(describe(view, ref));
        }
        return Map.of("messages", messages);
    }

    private Object ack(Arguments a) throws Exception {
        Received found = received.get(a.ref);
        String own = found.view().getReceiptHandle();
        if (a.receiptHandle != null) {
            found.view().setReceiptHandle(a.receiptHandle);
        }
        try {
            found.consumer().ack(found.view());
        } finally {
            found.view().setReceiptHandle(own);
        }
        return Map.of();
    }

    private Object changeInvisible(Arguments a) throws Exception {
        Received found = received.get(a.ref);
        found.consumer().changeInvisibleDuration(found.view(), Duration.ofMillis(a.invisibleMs));
        return Map.of();
    }

    private Object startPushConsumer(Arguments a) throws Exception {
        List<Incoming> seen = Collections.synchronizedList(new ArrayList<>());
        PushConsumer consumer =
                provider.newPushConsumerBuilder()
                        .setClientConfiguration(configuration(a))
                        .setConsumerGroup(a.group)
                        .setSubscriptionExpressions(subscription(a))
                        .setMessageListener(
                                view -> {
                                    seen.add(describe(view, ""));
                                    return view.getDeliveryAttempt() <= a.failFirst
                                            ? ConsumeResult.FAILURE
                                            : ConsumeResult.SUCCESS;
                                })
                        .build();
        Map<String, Object> started = keep(consumer, "push");
        deliveries.put((String) started.get("handle"), seen);
        return started;
    }

    private Object delivered(Arguments a) {
        List<Incoming> seen = deliveries.get(a.handle);
        synchronized (seen) {
            return Map.of("messages", new ArrayList<>(seen.subList(a.from, seen.size())));
        }
    }

    private Object stop(Arguments a) throws Exception {
        clients.remove(a.handle).close();
        return Map.of();
    }

    private Object perform(Request request) throws Exception {
        Arguments a = request.args;
        return switch (request.op) {
            case "hello" -> Map.of("client", "rocketmq-client-java");
            case "startProducer" -> startProducer(a);
            case "send" -> send(a);
            case "startSimpleConsumer" -> startSimpleConsumer(a);
            case "receive" -> receive(a);
            case "ack" -> ack(a);
            case "changeInvisible" -> changeInvisible(a);
            case "startPushConsumer" -> startPushConsumer(a);
            case "delivered" -> delivered(a);
            case "stop" -> stop(a);
            default -> throw new IllegalArgumentException("no operation " + request.op);
        };
    }

    private static Map<String, Object> failure(Throwable error) {
        Integer code = null;
        for (Throwable cause = error; cause != null && code == null; cause = cause.getCause()) {
            Matcher matcher = CODE.matcher(String.valueOf(cause.getMessage()));
            code = matcher.find() ? Integer.valueOf(matcher.group(1)) : null;
        }
        Map<String, Object> failure = new LinkedHashMap<>();
        failure.put("message", String.valueOf(error));
        failure.put("code", code);
        return failure;
    }

    private void answer(String line) {
        Request request = gson.fromJson(line, Request.class);
        JsonObject response = new JsonObject();
        response.addProperty("id", request.id);
        try {
            response.add("result", gson.toJsonTree(perform(request)));
        } catch (Throwable error) { // every failure of the library is an answer
            response.add("error", gson.toJsonTree(failure(error)));
        }
        synchronized (output) {
            output.println(gson.toJson(response));
            output.flush();
        }
    }

    public static void main(String[] arguments) throws IOException {
        Driver driver = new Driver(new PrintStream(System.out, false, StandardCharsets.UTF_8));
        System.setOut(System.err); // what a library prints must not mix with responses
        // The suite has at most 64 sends in flight and a few long polls.
        ExecutorService workers = Executors.newFixedThreadPool(96);
        BufferedReader input =
                new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = input.readLine(); line != null; line = input.readLine()) {
            String request = line;
            workers.execute(() -> driver.answer(request));
        }
        Runtime.getRuntime().halt(0); // open clients have threads of their own
    }
}
