"""Vendors' tokens, after the formats that the vendors publish.

One entry a kind: (kind, vendor's name, variable it usually stands in, how to build it, distinct).
`distinct`: the form alone tells what it is; otherwise it only ever stands beside the vendor's name.
"""

import base64
import json

from common import ALNUM, BASE32, BASE58, BECH32, R, crc_token, mark


def b64text(text):
    return base64.b64encode(text.encode()).decode()


def jsonb64(value):
    return base64.urlsafe_b64encode(json.dumps(value, separators=(",", ":")).encode()).decode().rstrip("=")


def jwt(r: R, **claims):
    head = jsonb64({"alg": r.pick("HS256", "RS256", "ES256"), "typ": "JWT"})
    body = jsonb64({"sub": r.num(9), "iat": r.epoch(), **claims})
    return f"{head}.{body}.{r.b64u(32)}"


def cask(r: R, tail):
    """Microsoft's identifiable keys: 84 characters, `tail` in front of the last four."""
    return r.an(52) + "JQQJ99" + r.an(22 - len(tail)) + tail + r.an(4)


TOKENS = [
    ("aws-access-key-id", "AWS", "AWS_ACCESS_KEY_ID", lambda r: "AKIA" + r.of(BASE32, 16), True),
    ("aws-temporary-key-id", "AWS", "AWS_ACCESS_KEY_ID", lambda r: "ASIA" + r.of(BASE32, 16), True),
    ("aws-secret-access-key", "AWS", "AWS_SECRET_ACCESS_KEY", lambda r: r.of(ALNUM + "/+", 40), False),
    ("aws-session-token", "AWS", "AWS_SESSION_TOKEN", lambda r: "IQoJb3JpZ2luX2Vj" + r.b64(210), False),
    ("aws-bedrock-api-key", "AWS Bedrock", "AWS_BEARER_TOKEN_BEDROCK",
     lambda r: "ABSK" + b64text(f"BedrockAPIKey-{r.low(4)}-at-{r.num(12)}:{r.b64(33)}"), True),
    ("google-api-key", "Google", "GOOGLE_API_KEY", lambda r: "AIza" + r.wc(34) + r.an(1), True),
    ("google-oauth-client-secret", "Google", "GOOGLE_CLIENT_SECRET", lambda r: "GOCSPX-" + r.wc(27) + r.an(1),
        True),
    ("google-oauth-access-token", "Google", "GOOGLE_ACCESS_TOKEN", lambda r: "ya29.a0" + r.b64u(120), True),
    ("google-oauth-refresh-token", "Google", "GOOGLE_REFRESH_TOKEN", lambda r: "1//0" + r.pick("3", "4", "9",
        "e") + r.b64u(73), False),
    ("firebase-server-key", "Firebase", "FIREBASE_SERVER_KEY", lambda r: "AAAA" + r.wc(7) + ":APA91b" + r.wc(
        133) + r.an(1), True),
    ("azure-storage-key", "Azure storage", "AZURE_STORAGE_KEY", lambda r: r.b64(64), False),
    ("azure-client-secret", "Azure", "AZURE_CLIENT_SECRET", lambda r: r.an(3) + r.pick("7", "8") + "Q~"
        + r.of(ALNUM + "_~.-", 33) + r.an(1), True),
    ("azure-devops-pat", "Azure DevOps", "AZURE_DEVOPS_PAT", lambda r: cask(r, "AZDO"), True),
    ("azure-devops-pat-old", "Azure DevOps", "AZURE_DEVOPS_PAT", lambda r: r.of(BASE32.lower(), 52), False),
    ("azure-openai-key", "Azure OpenAI", "AZURE_OPENAI_API_KEY", lambda r: cask(r, "XJ3w3AAABACOG"), True),
    ("github-pat", "GitHub", "GITHUB_TOKEN", lambda r: crc_token("ghp_", r.an(30)), True),
    ("github-fine-grained-pat", "GitHub", "GITHUB_TOKEN", lambda r: "github_pat_" + r.up(22) + "_" + r.an(59),
        True),
    ("github-oauth-token", "GitHub", "GH_TOKEN", lambda r: crc_token("gho_", r.an(30)), True),
    ("github-app-token", "GitHub", "GH_TOKEN", lambda r: crc_token(r.pick("ghs_", "ghu_"), r.an(30)), True),
    ("gitlab-pat", "GitLab", "GITLAB_TOKEN", lambda r: "glpat-" + r.wc(19) + r.an(1), True),
    ("gitlab-other-token", "GitLab", "GITLAB_TOKEN", lambda r: r.pick("glptt-" + r.hex(40), "gldt-" + r.wc(19)
        + r.an(1),
     "glrt-" + r.wc(19) + r.an(1), "glsoat-" + r.wc(19) + r.an(1)), True),
    ("slack-bot-token", "Slack", "SLACK_BOT_TOKEN", lambda r: f"xoxb-{r.num(12)}-{r.num(13)}-{r.an(24)}", True),
    ("slack-user-token", "Slack", "SLACK_USER_TOKEN",
        lambda r: f"xoxp-{r.num(12)}-{r.num(12)}-{r.num(13)}-{r.hex(32)}", True),
    ("slack-app-token", "Slack", "SLACK_APP_TOKEN", lambda r: f"xapp-1-A0{r.up(9)}-{r.num(13)}-{r.hex(64)}", True),
    ("slack-webhook", "Slack", "SLACK_WEBHOOK_URL",
        lambda r: f"https://hooks.slack.com/services/T0{r.up(9)}/B0{r.up(9)}/{r.an(24)}", False),
    ("discord-bot-token", "Discord", "DISCORD_TOKEN", lambda r: b64text(r.num(18))
        + f".{r.pick('G', 'Y', 'Z')}{r.wc(5)}.{r.wc(37)}{r.an(1)}", True),
    ("discord-webhook", "Discord", "DISCORD_WEBHOOK",
        lambda r: f"https://discord.com/api/webhooks/{r.num(19)}/{r.wc(67)}{r.an(1)}", False),
    ("teams-webhook", "Microsoft Teams", "TEAMS_WEBHOOK",
        lambda r: f"https://{r.word()}.webhook.office.com/webhookb2/{r.uuid()}@{r.uuid()}/IncomingWebhook/{r.hex(32)}/{r.uuid()}",
        False),
    ("telegram-bot-token", "Telegram", "TELEGRAM_BOT_TOKEN", lambda r: f"{r.num(10)}:AA{r.wc(32)}{r.an(1)}", True),
    ("stripe-secret-key", "Stripe", "STRIPE_SECRET_KEY", lambda r: "sk_live_" + r.pick(r.an(24), "51" + r.an(
        97)), True),
    ("stripe-restricted-key", "Stripe", "STRIPE_RESTRICTED_KEY", lambda r: "rk_live_" + r.pick(r.an(24), "51"
        + r.an(97)), True),
    ("stripe-webhook-secret", "Stripe", "STRIPE_WEBHOOK_SECRET", lambda r: "whsec_" + r.an(32), True),
    ("square-token", "Square", "SQUARE_ACCESS_TOKEN", lambda r: r.pick("EAAA" + r.wc(59) + r.an(1), "sq0csp-"
        + r.wc(42) + r.an(1)), True),
    ("braintree-token", "Braintree", "BRAINTREE_ACCESS_TOKEN",
        lambda r: f"access_token$production${r.low(16)}${r.hex(32)}", True),
    ("plaid-access-token", "Plaid", "PLAID_ACCESS_TOKEN", lambda r: f"access-production-{r.uuid()}", True),
    ("flutterwave-secret-key", "Flutterwave", "FLUTTERWAVE_SECRET_KEY", lambda r: f"FLWSECK-{r.hex(32)}-X", True),
    ("paystack-secret-key", "Paystack", "PAYSTACK_SECRET_KEY", lambda r: "sk_live_" + r.hex(40), True),
    ("twilio-auth-token", "Twilio", "TWILIO_AUTH_TOKEN", lambda r: r.hex(32), False),
    ("twilio-api-key", "Twilio", "TWILIO_API_KEY", lambda r: "SK" + r.hex(32), False),
    ("sendgrid-api-key", "SendGrid", "SENDGRID_API_KEY",
        lambda r: f"SG.{r.wc(21)}{r.an(1)}.{r.wc(42)}{r.an(1)}", True),
    ("mailgun-api-key", "Mailgun", "MAILGUN_API_KEY", lambda r: r.pick(f"key-{r.hex(32)}",
        f"{r.hex(32)}-{r.hex(8)}-{r.hex(8)}"), False),
    ("mailchimp-api-key", "Mailchimp", "MAILCHIMP_API_KEY", lambda r: f"{r.hex(32)}-us{r.randint(1, 21)}", True),
    ("postmark-token", "Postmark", "POSTMARK_SERVER_TOKEN", lambda r: r.uuid(), False),
    ("brevo-api-key", "Brevo", "BREVO_API_KEY", lambda r: f"xkeysib-{r.hex(64)}-{r.an(16)}", True),
    ("resend-api-key", "Resend", "RESEND_API_KEY", lambda r: f"re_{r.of(BASE58, 8)}_{r.of(BASE58, 24)}", True),
    ("npm-token", "npm", "NPM_TOKEN", lambda r: crc_token("npm_", r.an(30)), True),
    ("pypi-token", "PyPI", "PYPI_TOKEN", lambda r: "pypi-AgEIcHlwaS5vcmcC" + r.b64u(120), True),
    ("rubygems-key", "RubyGems", "RUBYGEMS_API_KEY", lambda r: "rubygems_" + r.hex(48), True),
    ("crates-io-token", "crates.io", "CARGO_REGISTRY_TOKEN", lambda r: "cio" + r.an(32), False),
    ("nuget-key", "NuGet", "NUGET_API_KEY", lambda r: "oy2" + r.low(43), True),
    ("clojars-token", "Clojars", "CLOJARS_TOKEN", lambda r: "CLOJARS_" + r.hex(60), True),
    ("docker-hub-pat", "Docker Hub", "DOCKER_TOKEN", lambda r: "dckr_pat_" + r.wc(26) + r.an(1), True),
    ("artifactory-key", "Artifactory", "ARTIFACTORY_API_KEY", lambda r: "AKCp" + r.an(69), True),
    ("openai-project-key", "OpenAI", "OPENAI_API_KEY",
        lambda r: f"sk-{r.pick('proj', 'svcacct', 'admin')}-{r.wc(74)}T3BlbkFJ{r.wc(73)}{r.an(1)}", True),
    ("openai-key-old", "OpenAI", "OPENAI_API_KEY", lambda r: f"sk-{r.an(20)}T3BlbkFJ{r.an(20)}", True),
    ("anthropic-api-key", "Anthropic", "ANTHROPIC_API_KEY",
        lambda r: f"sk-ant-{r.pick('api03', 'admin01')}-{r.wc(93)}AA", True),
    ("huggingface-token", "Hugging Face", "HF_TOKEN", lambda r: "hf_" + r.of(ALNUM[:52], 34), True),
    ("groq-api-key", "Groq", "GROQ_API_KEY", lambda r: f"gsk_{r.an(20)}WGdyb3FY{r.an(24)}", True),
    ("perplexity-api-key", "Perplexity", "PERPLEXITY_API_KEY", lambda r: "pplx-" + r.an(48), True),
    ("replicate-token", "Replicate", "REPLICATE_API_TOKEN", lambda r: "r8_" + r.an(37), True),
    ("xai-api-key", "xAI", "XAI_API_KEY", lambda r: "xai-" + r.an(80), True),
    ("openrouter-key", "OpenRouter", "OPENROUTER_API_KEY", lambda r: "sk-or-v1-" + r.hex(64), True),
    ("elevenlabs-key", "ElevenLabs", "ELEVENLABS_API_KEY", lambda r: "sk_" + r.hex(48), False),
    ("langsmith-key", "LangSmith", "LANGSMITH_API_KEY",
        lambda r: f"lsv2_{r.pick('pt', 'sk')}_{r.hex(32)}_{r.hex(10)}", True),
    ("cohere-api-key", "Cohere", "COHERE_API_KEY", lambda r: r.an(40), False),
    ("mistral-api-key", "Mistral", "MISTRAL_API_KEY", lambda r: r.an(32), False),
    ("deepseek-api-key", "DeepSeek", "DEEPSEEK_API_KEY", lambda r: "sk-" + r.hex(32), False),
    ("wandb-key", "Weights & Biases", "WANDB_API_KEY", lambda r: r.hex(40), False),
    ("tavily-key", "Tavily", "TAVILY_API_KEY", lambda r: f"tvly-{r.pick('dev', 'prod')}-{r.an(32)}", True),
    ("shopify-token", "Shopify", "SHOPIFY_ACCESS_TOKEN", lambda r: r.pick("shpat_", "shpca_", "shppa_",
        "shpss_") + r.hex(32), True),
    ("databricks-token", "Databricks", "DATABRICKS_TOKEN", lambda r: "dapi" + r.hex(32) + r.pick("", "-2",
        "-3"), True),
    ("digitalocean-token", "DigitalOcean", "DIGITALOCEAN_TOKEN", lambda r: r.pick("dop_v1_", "doo_v1_",
        "dor_v1_") + r.hex(64), True),
    ("atlassian-token", "Atlassian", "ATLASSIAN_API_TOKEN",
        lambda r: f"ATATT3xFfGF0{r.wc(171)}={r.hex(8).upper()}", True),
    ("bitbucket-app-password", "Bitbucket", "BITBUCKET_APP_PASSWORD", lambda r: "ATBB" + r.an(32), False),
    ("trello-token", "Trello", "TRELLO_TOKEN", lambda r: "ATTA" + r.hex(64) + r.hex(8).upper(), True),
    ("linear-api-key", "Linear", "LINEAR_API_KEY", lambda r: "lin_api_" + r.an(40), True),
    ("notion-token", "Notion", "NOTION_TOKEN", lambda r: r.pick("secret_" + r.an(43),
        f"ntn_{r.num(11)}{r.an(35)}"), False),
    ("figma-token", "Figma", "FIGMA_TOKEN", lambda r: "figd_" + r.wc(39) + r.an(1), True),
    ("airtable-pat", "Airtable", "AIRTABLE_TOKEN", lambda r: f"pat{r.an(14)}.{r.hex(64)}", True),
    ("asana-pat", "Asana", "ASANA_ACCESS_TOKEN", lambda r: f"2/{r.num(16)}/{r.num(16)}:{r.hex(32)}", False),
    ("hubspot-token", "HubSpot", "HUBSPOT_TOKEN", lambda r: f"pat-{r.pick('na1', 'eu1')}-{r.uuid()}", True),
    ("salesforce-session", "Salesforce", "SALESFORCE_ACCESS_TOKEN",
        lambda r: f"00D{r.an(12)}!AQ{r.of(ALNUM + '._', 93)}{r.an(1)}", True),
    ("zendesk-token", "Zendesk", "ZENDESK_API_TOKEN", lambda r: r.an(40), False),
    ("datadog-api-key", "Datadog", "DATADOG_API_KEY", lambda r: r.hex(32), False),
    ("datadog-app-key", "Datadog", "DATADOG_APP_KEY", lambda r: r.hex(40), False),
    ("new-relic-user-key", "New Relic", "NEW_RELIC_API_KEY", lambda r: "NRAK-" + r.up(27), True),
    ("new-relic-license-key", "New Relic", "NEW_RELIC_LICENSE_KEY", lambda r: r.hex(36) + "NRAL", True),
    ("grafana-service-token", "Grafana", "GRAFANA_TOKEN", lambda r: f"glsa_{r.an(32)}_{r.hex(8)}", True),
    ("grafana-cloud-token", "Grafana", "GRAFANA_CLOUD_TOKEN", lambda r: "glc_" + b64text(json.dumps(
        {"o": r.num(6), "n": f"stack-{r.num(6)}-{r.word()}", "k": r.an(32), "m": {"r": "us"}}, separators=(
            ",", ":"))), True),
    ("sentry-user-token", "Sentry", "SENTRY_AUTH_TOKEN", lambda r: "sntryu_" + r.hex(64), True),
    ("sentry-org-token", "Sentry", "SENTRY_AUTH_TOKEN", lambda r: "sntrys_" + b64text(json.dumps(
        {"iat": r.epoch(), "url": "https://sentry.io", "region_url": "https://us.sentry.io", "org": r.word()},
            separators=(",", ":"))) + "_" + r.b64(32).rstrip("="), True),
    ("honeycomb-key", "Honeycomb", "HONEYCOMB_API_KEY", lambda r: "hcaik_01" + r.low(56), True),
    ("dynatrace-token", "Dynatrace", "DYNATRACE_TOKEN",
        lambda r: f"dt0c01.{r.of(BASE32, 24)}.{r.of(BASE32, 64)}", True),
    ("posthog-personal-key", "PostHog", "POSTHOG_PERSONAL_API_KEY", lambda r: "phx_" + r.an(43), True),
    ("pagerduty-key", "PagerDuty", "PAGERDUTY_API_KEY", lambda r: "u+" + r.wc(17) + r.an(1), False),
    ("launchdarkly-key", "LaunchDarkly", "LAUNCHDARKLY_SDK_KEY",
        lambda r: f"{r.pick('sdk', 'api')}-{r.uuid()}", False),
    ("vault-token", "Vault", "VAULT_TOKEN", lambda r: r.pick("hvs.CAES" + r.wc(90) + r.an(1), "hvs." + r.an(
        24), "hvb.AAAAAQ" + r.wc(140) + r.an(1)), True),
    ("vault-token-old", "Vault", "VAULT_TOKEN", lambda r: "s." + r.an(24), False),
    ("terraform-cloud-token", "Terraform Cloud", "TF_TOKEN_app_terraform_io",
        lambda r: f"{r.an(14)}.atlasv1.{r.an(67)}", True),
    ("pulumi-token", "Pulumi", "PULUMI_ACCESS_TOKEN", lambda r: "pul-" + r.hex(40), True),
    ("doppler-token", "Doppler", "DOPPLER_TOKEN", lambda r: f"dp.pt.{r.an(43)}", True),
    ("onepassword-service-account", "1Password", "OP_SERVICE_ACCOUNT_TOKEN", lambda r: "ops_" + jsonb64(
        {"signInAddress": "my.1password.com", "userAuth": {"method": "SRPg-4096"}, "muk": r.b64u(32),
            "throttleSecret": {"seed": r.hex(64)}}), True),
    ("age-secret-key", "age", "SOPS_AGE_KEY", lambda r: "AGE-SECRET-KEY-1" + r.of(BECH32, 58).upper(), True),
    ("supabase-token", "Supabase", "SUPABASE_ACCESS_TOKEN", lambda r: r.pick("sbp_" + r.hex(40),
        f"sb_secret_{r.wc(21)}{r.an(1)}_{r.an(8)}"), True),
    ("vercel-token", "Vercel", "VERCEL_TOKEN", lambda r: r.an(24), False),
    ("netlify-token", "Netlify", "NETLIFY_AUTH_TOKEN", lambda r: "nfp_" + r.an(36), True),
    ("heroku-token", "Heroku", "HEROKU_API_KEY", lambda r: "HRKU-AA" + r.wc(57) + r.an(1), True),
    ("heroku-key-uuid", "Heroku", "HEROKU_API_KEY", lambda r: r.uuid(), False),
    ("fly-token", "Fly.io", "FLY_API_TOKEN", lambda r: r.pick("fo1_" + r.wc(42) + r.an(1), "fm2_lJPE" + r.b64(
        150)), True),
    ("render-key", "Render", "RENDER_API_KEY", lambda r: "rnd_" + r.an(28), True),
    ("planetscale-token", "PlanetScale", "PLANETSCALE_TOKEN", lambda r: r.pick("pscale_tkn_", "pscale_pw_")
        + r.wc(42) + r.an(1), True),
    ("cloudflare-api-token", "Cloudflare", "CLOUDFLARE_API_TOKEN", lambda r: r.wc(39) + r.an(1), False),
    ("cloudflare-global-key", "Cloudflare", "CLOUDFLARE_API_KEY", lambda r: r.hex(37), False),
    ("cloudflare-origin-ca-key", "Cloudflare", "CLOUDFLARE_ORIGIN_CA_KEY",
        lambda r: f"v1.0-{r.hex(24)}-{r.hex(146)}", True),
    ("tailscale-key", "Tailscale", "TS_AUTHKEY",
        lambda r: f"tskey-{r.pick('auth', 'api', 'client')}-k{r.an(10)}CNTRL-{r.an(32)}", True),
    ("okta-token", "Okta", "OKTA_API_TOKEN", lambda r: "00" + r.wc(39) + r.an(1), False),
    ("auth0-client-secret", "Auth0", "AUTH0_CLIENT_SECRET", lambda r: r.wc(63) + r.an(1), False),
    ("algolia-admin-key", "Algolia", "ALGOLIA_ADMIN_KEY", lambda r: r.hex(32), False),
    ("mapbox-secret-token", "Mapbox", "MAPBOX_SECRET_TOKEN",
        lambda r: f"sk.{jsonb64({'u': r.word(), 'a': 'cl' + r.low(23)})}.{r.wc(21)}{r.an(1)}", True),
    ("contentful-pat", "Contentful", "CONTENTFUL_MANAGEMENT_TOKEN", lambda r: "CFPAT-" + r.wc(42) + r.an(1), True),
    ("dropbox-token", "Dropbox", "DROPBOX_ACCESS_TOKEN", lambda r: "sl.u.A" + r.b64u(100), True),
    ("facebook-token", "Facebook", "FACEBOOK_ACCESS_TOKEN", lambda r: "EAA" + r.of(ALNUM, 150) + "ZD", True),
    ("twitter-bearer", "Twitter", "TWITTER_BEARER_TOKEN", lambda r: "A" * 22 + r.an(9) + r.pick("%2B", "%3D")
        + r.an(60), True),
    ("linkedin-secret", "LinkedIn", "LINKEDIN_CLIENT_SECRET", lambda r: f"WPL_AP1.{r.an(16)}.{r.an(6)}==", False),
    ("rapidapi-key", "RapidAPI", "RAPIDAPI_KEY",
        lambda r: f"{r.hex(10)}msh{r.hex(15)}p1{r.hex(5)}jsn{r.hex(12)}", False),
    ("postman-api-key", "Postman", "POSTMAN_API_KEY", lambda r: f"PMAK-{r.hex(24)}-{r.hex(34)}", True),
    ("sonar-token", "SonarQube", "SONAR_TOKEN", lambda r: r.pick("squ_", "sqp_", "sqa_") + r.hex(40), True),
    ("circleci-pat", "CircleCI", "CIRCLECI_TOKEN", lambda r: f"CCIPAT_{r.an(22)}_{r.hex(40)}", True),
    ("buildkite-token", "Buildkite", "BUILDKITE_API_TOKEN", lambda r: "bkua_" + r.hex(40), True),
    ("snyk-token", "Snyk", "SNYK_TOKEN", lambda r: r.uuid(), False),
    ("sourcegraph-token", "Sourcegraph", "SRC_ACCESS_TOKEN", lambda r: f"sgp_{r.hex(16)}_{r.hex(40)}", True),
    ("prefect-key", "Prefect", "PREFECT_API_KEY", lambda r: "pnu_" + r.an(36), True),
    ("shippo-token", "Shippo", "SHIPPO_TOKEN", lambda r: "shippo_live_" + r.hex(40), True),
    ("duffel-token", "Duffel", "DUFFEL_TOKEN", lambda r: "duffel_live_" + r.wc(42) + r.an(1), True),
    ("easypost-key", "EasyPost", "EASYPOST_API_KEY", lambda r: "EZAK" + r.an(54), True),
    ("alibaba-access-key", "Alibaba Cloud", "ALIBABA_ACCESS_KEY_ID", lambda r: "LTAI5t" + r.an(18), True),
    ("infracost-key", "Infracost", "INFRACOST_API_KEY", lambda r: "ico-" + r.an(32), True),
    ("readme-key", "ReadMe", "README_API_KEY", lambda r: "rdme_" + r.low(70), True),
    ("harness-pat", "Harness", "HARNESS_API_KEY", lambda r: f"pat.{r.wc(21)}{r.an(1)}.{r.hex(24)}.{r.an(20)}",
        True),
]

# Places that only this vendor's token stands in; `{}` is the value.
OWN_PLACES = {
    "github-pat": ["git clone https://x-access-token:{}@github.com/northfold/ledger.git",
                   "machine github.com\n  login build-bot\n  password {}\n"],
    "github-app-token": ["remote: origin https://x-access-token:{}@github.com/saltmarsh/site.git (push)"],
    "gitlab-pat": ["git remote set-url origin https://oauth2:{}@gitlab.com/quarry/render.git",
                   'curl --header "PRIVATE-TOKEN: {}" https://gitlab.com/api/v4/projects'],
    "npm-token": ["//registry.npmjs.org/:_authToken={}\nalways-auth=true\n"],
    "pypi-token": ["[pypi]\nusername = __token__\npassword = {}\n", "twine upload -u __token__ -p {} dist/*"],
    "stripe-secret-key": ["curl https://api.stripe.com/v1/charges -u {}: -d amount=2000 -d currency=eur"],
    "telegram-bot-token": ["https://api.telegram.org/bot{}/sendMessage?chat_id=-100482&text=done"],
    "slack-webhook": ["curl -X POST -H 'Content-type: application/json' --data '{{\"text\":\"deployed\"}}' {}"],
    "okta-token": ["GET /api/v1/users?limit=25 HTTP/1.1\nHost: northfold.okta.com\nAuthorization: SSWS {}\n"],
    "datadog-api-key": ["POST /api/v2/series HTTP/1.1\nHost: api.datadoghq.com\nDD-API-KEY: {}\n"
        "Content-Type: application/json\n"],
    "postmark-token": ["POST /email HTTP/1.1\nHost: api.postmarkapp.com\nX-Postmark-Server-Token: {}\n"],
    "vault-token": ["curl -H 'X-Vault-Token: {}' https://vault.saltmarsh.dev:8200/v1/secret/data/app"],
    "mailgun-api-key": ["curl -s --user 'api:{}' https://api.mailgun.net/v3/mg.northfold.io/messages"],
    "rapidapi-key": ["x-rapidapi-host: weatherapi-com.p.rapidapi.com\nx-rapidapi-key: {}"],
    "google-api-key": ["https://maps.googleapis.com/maps/api/geocode/json?address=Lyon&key={}"],
    "shopify-token": [
        "curl -H 'X-Shopify-Access-Token: {}' https://orchard.myshopify.com/admin/api/2025-07/shop.json"],
    "azure-storage-key": [
        "DefaultEndpointsProtocol=https;AccountName=lumenfreightprod;AccountKey={};EndpointSuffix=core.windows.net"],
    "crates-io-token": ["cargo login {}", "[registry]\ntoken = \"{}\"\n"],
    "anthropic-api-key": [
        'curl https://api.anthropic.com/v1/messages -H "x-api-key: {}" -H "anthropic-version: '
        '2023-06-01"'],
    "pagerduty-key": ["GET /incidents HTTP/1.1\nHost: api.pagerduty.com\nAuthorization: Token token={}\n"],
    "docker-hub-pat": ["echo {} | docker login -u saltmarshci --password-stdin"],
    "terraform-cloud-token": ['credentials "app.terraform.io" {{\n  token = "{}"\n}}\n'],
    "digitalocean-token": ["doctl auth init -t {}"],
    "age-secret-key": ["# created: 2025-04-02T09:14:55Z\n{}\n"],
    "tailscale-key": ["sudo tailscale up --auth-key={} --hostname=edge-04"],
}


def own_place(r, kind, value):
    return r.choice(OWN_PLACES[kind]).format(mark("secret", value))
