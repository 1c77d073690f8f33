import static org.drools.model.DSL.on;
import static org.drools.model.DSL.declarationOf;
import static org.drools.model.PatternDSL.alphaIndexedBy;
import static org.drools.model.PatternDSL.pattern;
import static org.drools.model.PatternDSL.rule;

import java.io.BufferedReader;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.StringTokenizer;
import org.drools.model.Index;
import org.drools.model.PatternDSL;
import org.drools.model.Rule;
import org.drools.model.Variable;
import org.drools.model.functions.Predicate1;
import org.drools.model.impl.ModelImpl;
import org.drools.modelcompiler.KieBaseBuilder;
import org.kie.api.KieBase;
import org.kie.api.runtime.KieSession;
import org.kie.api.runtime.rule.FactHandle;

/**
 * Drools with its executable model: one rule per campaign, the event type indexed, every clause a constraint of its own
 * (equal clauses share a node). Arguments: file of rules, file of events, file for the matches, passes.
 * Rules: "event clauses", then per clause "terms", then per term "field low high mask" (mask -1: an interval). Events: "event value...".
 */
public class Matching {
    static final long NULL = Long.MIN_VALUE;

    public static final class Happened {
        final int event;
        final long[] values;
        final List<Integer> matched = new ArrayList<>();

        Happened(int event, long[] values) {
            this.event = event;
            this.values = values;
        }

        public int getEvent() {
            return event;
        }
    }

    record Term(int field, long low, long high, long mask) {
        boolean holds(long[] values) {
            long value = values[field];
            if (value == NULL) {
                return false;
            }
            return mask < 0 ? low <= value && value <= high : value < 63 && (mask >> value & 1) == 1;
        }
    }

    public static void main(String[] arguments) throws Exception {
        KieBase base = KieBaseBuilder.createKieBaseFromModel(model(Path.of(arguments[0])));
        List<Happened> events = events(Path.of(arguments[1]));
        KieSession session = base.newKieSession();
        int passes = Integer.parseInt(arguments[3]);
        for (int pass = 0; pass < passes; pass++) {
            long begun = System.nanoTime();
            for (Happened event : events) {
                FactHandle handle = session.insert(event);
                session.fireAllRules();
                session.delete(handle);
            }
            System.out.println("seconds " + (System.nanoTime() - begun) / 1e9);
            if (pass == 0) {
                write(events, Path.of(arguments[2]));
            }
            for (Happened event : events) {
                event.matched.clear();
            }
        }
        session.dispose();
    }

    static ModelImpl model(Path path) throws Exception {
        ModelImpl model = new ModelImpl();
        try (BufferedReader reader = Files.newBufferedReader(path)) {
            int number = 0;
            for (String line = reader.readLine(); line != null; line = reader.readLine()) {
                model.addRule(campaign(number++, new StringTokenizer(line)));
            }
        }
        return model;
    }

    static Rule campaign(int number, StringTokenizer words) {
        Variable<Happened> happened = declarationOf(Happened.class);
        int event = Integer.parseInt(words.nextToken());
        Predicate1<Happened> right = h -> h.event == event;
        PatternDSL.PatternDef<Happened> fits = pattern(happened).expr(
            "event " + event, right, alphaIndexedBy(int.class, Index.ConstraintType.EQUAL, 0, h -> h.event, event));
        int clauses = Integer.parseInt(words.nextToken());
        for (int c = 0; c < clauses; c++) {
            Term[] terms = new Term[Integer.parseInt(words.nextToken())];
            StringBuilder name = new StringBuilder("clause");
            for (int t = 0; t < terms.length; t++) {
                terms[t] = new Term(Integer.parseInt(words.nextToken()), Long.parseLong(words.nextToken()),
                    Long.parseLong(words.nextToken()), Long.parseLong(words.nextToken()));
                name.append(' ').append(terms[t]);
            }
            Predicate1<Happened> clause = terms.length == 1 ? one(terms[0]) : h -> any(terms, h.values);
            fits = fits.expr(name.toString(), clause);
        }
        return rule("campaign" + number).build(fits, on(happened).execute(h -> h.matched.add(number)));
    }

    static Predicate1<Happened> one(Term term) {
        return h -> term.holds(h.values);
    }

    static boolean any(Term[] terms, long[] values) {
        for (Term term : terms) {
            if (term.holds(values)) {
                return true;
            }
        }
        return false;
    }

    static List<Happened> events(Path path) throws Exception {
        List<Happened> events = new ArrayList<>();
        try (BufferedReader reader = Files.newBufferedReader(path)) {
            for (String line = reader.readLine(); line != null; line = reader.readLine()) {
                StringTokenizer words = new StringTokenizer(line);
                int event = Integer.parseInt(words.nextToken());
                long[] values = new long[words.countTokens()];
                for (int i = 0; i < values.length; i++) {
                    values[i] = Long.parseLong(words.nextToken());
                }
                events.add(new Happened(event, values));
            }
        }
        return events;
    }

    static void write(List<Happened> events, Path path) throws Exception {
        try (PrintWriter writer = new PrintWriter(Files.newBufferedWriter(path))) {
            for (Happened event : events) {
                event.matched.sort(null);
                StringBuilder line = new StringBuilder();
                for (int number : event.matched) {
                    line.append(number).append(' ');
                }
                writer.println(line.toString().trim());
            }
        }
    }
}
