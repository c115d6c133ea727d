import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.TreeMap;

import org.elasticsearch.grok.Grok;
import org.elasticsearch.grok.PatternBank;

/**
 * Matches lines by Elasticsearch's own grok. Standard input: `NAME<tab>expression` for each pattern, an empty
 * line, then lines. Standard output: `NAME<tab>number of the line<tab>field=value<tab>…` for each match that
 * begins with the line. In a value a tab is `\\t`.
 */
class GrokLines {
    public static void main(String[] arguments) throws Exception {
        var in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        var out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
        Map<String, String> patterns = new LinkedHashMap<>();
        for (String line = in.readLine(); !line.isEmpty(); line = in.readLine()) {
            String[] parts = line.split("\t", 2);
            patterns.put(parts[0], parts[1]);
        }
        Map<String, Grok> groks = new LinkedHashMap<>();
        for (String name : patterns.keySet()) {
            var bank = new PatternBank(patterns);
            groks.put(name, new Grok(bank, "\\A%{" + name + ":whole}", message -> {}));
        }
        int number = 0;
        for (String line = in.readLine(); line != null; line = in.readLine(), number++) {
            for (var each : groks.entrySet()) {
                var found = each.getValue().captures(line);
                if (found != null) {
                    var text = new StringBuilder(each.getKey()).append('\t').append(number);
                    new TreeMap<>(found).forEach((field, value) -> text.append('\t').append(field).append('=').append(value.toString().replace("\t", "\\t")));
                    out.println(text);
                }
            }
        }
        out.flush();
    }
}
