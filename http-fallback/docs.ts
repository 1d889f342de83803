import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance, FastifySchema } from 'fastify';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The form that a route reads by itself: described, not validated by Fastify. */
    form?: object;
  }
}

/** The API's own description at `/api/docs`, made from the schemas that also validate it. */
export async function apiDocs(app: FastifyInstance): Promise<void> {
  await app.register(swagger, {
    transform: ({ schema, url, route }) => {
      const form = route.config?.form;
      // Hidden routes have no schema of their own.
      const described: FastifySchema = form ? { ...schema, body: form } : (schema ?? {});
      return { schema: described, url };
    },
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Firmwire', description: "The owner's API", version: '1' },
      components: { securitySchemes: { ownerKey: { type: 'http', scheme: 'bearer' } } },
    },
  });
  await app.register(swaggerUi, { routePrefix: '/api/docs' });
}
