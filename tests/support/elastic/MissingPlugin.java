package slowtask;

import java.io.IOException;
import java.util.List;
import java.util.Map;

import org.apache.lucene.analysis.TokenStream;
import org.apache.lucene.analysis.email.UAX29URLEmailTokenizer;
import org.elasticsearch.Build;
import org.elasticsearch.client.internal.node.NodeClient;
import org.elasticsearch.index.analysis.TokenFilterFactory;
import org.elasticsearch.index.analysis.TokenizerFactory;
import org.elasticsearch.indices.analysis.AnalysisModule.AnalysisProvider;
import org.elasticsearch.plugins.AnalysisPlugin;
import org.elasticsearch.plugins.Plugin;
import org.elasticsearch.rest.RestChannel;
import org.elasticsearch.rest.RestHandler;
import org.elasticsearch.rest.RestRequest;
import org.elasticsearch.rest.RestResponse;
import org.elasticsearch.rest.RestStatus;
import org.elasticsearch.xcontent.XContentBuilder;

/**
 * What the build for integration tests leaves out and slowtask needs: `GET /`, which tells the version; and the
 * analysis of users' e-mail addresses, without which there are no users, roles and API keys. Nobody searches
 * those addresses here, so its filters do nothing. Handlers is of the version: Handlers8.java or Handlers9.java.
 */
public class MissingPlugin extends Plugin implements Handlers, AnalysisPlugin {
    @Override
    public Map<String, AnalysisProvider<TokenFilterFactory>> getTokenFilters() {
        AnalysisProvider<TokenFilterFactory> nothing = (index, environment, name, settings) -> new Nothing(name);
        return Map.of("pattern_capture", nothing, "unique", nothing);
    }

    @Override
    public Map<String, AnalysisProvider<TokenizerFactory>> getTokenizers() {
        return Map.of(
            "uax_url_email",
            (index, environment, name, settings) -> TokenizerFactory.newFactory(name, UAX29URLEmailTokenizer::new)
        );
    }

    record Nothing(String name) implements TokenFilterFactory {
        @Override
        public TokenStream create(TokenStream tokens) {
            return tokens;
        }
    }

    static class Root implements RestHandler {
        @Override
        public List<Route> routes() {
            return List.of(new Route(RestRequest.Method.GET, "/"), new Route(RestRequest.Method.HEAD, "/"));
        }

        @Override
        public void handleRequest(RestRequest request, RestChannel channel, NodeClient client) throws IOException {
            XContentBuilder body = channel.newBuilder().startObject();
            body.field("name", "tests").field("cluster_name", "slowtask-tests");
            body.startObject("version").field("number", Build.current().version());
            body.field("build_flavor", "default").endObject();
            body.field("tagline", "You Know, for Search").endObject();
            channel.sendResponse(new RestResponse(RestStatus.OK, body));
        }
    }
}
