import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.ServiceLoader;

import org.elasticsearch.common.bytes.BytesReference;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.common.util.concurrent.ThreadContext;
import org.elasticsearch.common.xcontent.XContentHelper;
import org.elasticsearch.common.xcontent.json.JsonXContent;
import org.elasticsearch.env.Environment;
import org.elasticsearch.index.VersionType;
import org.elasticsearch.ingest.IngestDocument;
import org.elasticsearch.ingest.Pipeline;
import org.elasticsearch.ingest.Processor;
import org.elasticsearch.ingest.common.IngestCommonPlugin;
import org.elasticsearch.painless.PainlessPlugin;
import org.elasticsearch.plugins.ExtensiblePlugin.ExtensionLoader;
import org.elasticsearch.plugins.ScriptPlugin;
import org.elasticsearch.script.IngestConditionalScript;
import org.elasticsearch.script.IngestScript;
import org.elasticsearch.script.ScriptContext;
import org.elasticsearch.script.ScriptEngine;
import org.elasticsearch.script.ScriptService;
import org.elasticsearch.script.TemplateScript;
import org.elasticsearch.script.mustache.MustachePlugin;

/**
 * Runs ingest pipelines by Elasticsearch's own classes, without a server. The first line of stdin has the pipelines by
 * name, each other a document: `{"pipeline": …, "index": …, "source": {…}}`. Each is answered by a line: what became
 * of it, or null where it was dropped.
 */
public class Ingest {
    private static final Map<String, ScriptContext<?>> CONTEXTS = Map.of(
        IngestScript.CONTEXT.name, IngestScript.CONTEXT,
        IngestConditionalScript.CONTEXT.name, IngestConditionalScript.CONTEXT,
        TemplateScript.CONTEXT.name, TemplateScript.CONTEXT
    );

    public static void main(String[] arguments) throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        Map<String, Pipeline> pipelines = pipelines(parse(in.readLine()));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            Map<String, Object> document = parse(line);
            out.println(run(pipelines.get(document.get("pipeline")), (String) document.get("index"), object(document, "source")));
        }
    }

    @SuppressWarnings("unchecked")
    private static Map<String, Object> object(Map<String, Object> parent, String name) {
        return (Map<String, Object>) parent.get(name);
    }

    private static Map<String, Pipeline> pipelines(Map<String, Object> configurations) throws Exception {
        Map<String, ScriptEngine> engines = Map.of("painless", painless(), "mustache", engine(new MustachePlugin()));
        ScriptService scripts = new ScriptService(Settings.EMPTY, engines, CONTEXTS);
        Processor.Parameters parameters = new Processor.Parameters(
            new Environment(Settings.builder().put("path.home", "/").build(), null),
            scripts, null, new ThreadContext(Settings.EMPTY), System::nanoTime, (delay, task) -> null, null, null, Runnable::run
        );
        Map<String, Processor.Factory> factories = new HashMap<>(new IngestCommonPlugin().getProcessors(parameters));
        Map<String, Pipeline> pipelines = new HashMap<>();
        for (String name : configurations.keySet()) {
            pipelines.put(name, Pipeline.create(name, object(configurations, name), factories, scripts));
        }
        return pipelines;
    }

    private static ScriptEngine engine(ScriptPlugin plugin) {
        return plugin.getScriptEngine(Settings.EMPTY, List.copyOf(CONTEXTS.values()));
    }

    /** The engine with the words that the processors add to it, as a node loads them. */
    private static ScriptEngine painless() {
        PainlessPlugin plugin = new PainlessPlugin();
        plugin.loadExtensions(new ExtensionLoader() {
            @Override
            public <T> List<T> loadExtensions(Class<T> kind) {
                List<T> found = new ArrayList<>();
                ServiceLoader.load(kind).forEach(found::add);
                return found;
            }
        });
        return engine(plugin);
    }

    private static String run(Pipeline pipeline, String index, Map<String, Object> source) throws IOException {
        IngestDocument[] result = new IngestDocument[1];
        Exception[] failure = new Exception[1];
        pipeline.execute(new IngestDocument(index, "_doc", null, null, null, VersionType.INTERNAL, source), (document, error) -> {
            result[0] = document;
            failure[0] = error;
        });
        if (failure[0] != null) {
            return json(Map.of("error", failure[0].toString()));
        }
        return result[0] == null ? "null" : json(stored(result[0]));
    }

    private static Map<String, Object> stored(IngestDocument document) {
        Map<String, Object> all = document.getSourceAndMetadata();
        Map<String, Object> stored = new HashMap<>();
        Map<String, Object> source = new HashMap<>(all);
        for (IngestDocument.Metadata name : IngestDocument.Metadata.values()) {
            source.remove(name.getFieldName());
        }
        stored.put("id", all.get("_id"));
        stored.put("index", all.get("_index"));
        stored.put("source", source);
        return stored;
    }

    private static Map<String, Object> parse(String text) {
        return XContentHelper.convertToMap(JsonXContent.jsonXContent, text, true);
    }

    private static String json(Map<String, Object> value) throws IOException {
        return BytesReference.bytes(JsonXContent.contentBuilder().map(value)).utf8ToString();
    }
}
